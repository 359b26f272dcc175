// What the server says in clear about every conversation that is not closed, kept up to date by
// the stream of changes. Nothing here is believed for authority.

import { order, orderMine } from "./order.js";

const GATHER_MS = 200;
const WHOLE_AGAIN_MS = 4_000;
const MOST_AT_ONCE = 200;
const HEAD = 100;

/**
 * @param {object} api
 * @param {(ms: number) => Promise<void>} pause
 */
export function newRows(api, pause) {
  /** @type {Map<string, import("./order.js").Row>} */
  const rows = new Map();
  const listeners = new Set();
  let staff = {};
  let screening = "on";
  /** @type {string[]} */
  let attachments = [];
  let touched = new Set();
  let isGathering = false;
  let isWholeDue = false;
  /** How many fetches of everything there were: an earlier one ends when the next begins. */
  let wholes = 0;
  /** Fetched one by one since the last of them began, and so newer than its pages. */
  let fresh = new Set();
  /** The server's numbers, until everything is here. */
  let counts = null;
  /** Which conversations stand on somebody's screen. */
  let openOnes = () => [];

  const tell = (changed) => listeners.forEach((listener) => listener(changed));

  function take(answer) {
    answer.rows.forEach((row) => rows.set(row.conversation, row));
    staff = { ...staff, ...answer.staff };
    screening = answer.screening ?? screening;
    attachments = answer.attachments ?? attachments;
  }

  /**
   * Fetches the head of the queue with all its numbers, and begins to fetch the rest.
   * @returns {Promise<number>} the number of the newest change in the head
   */
  async function load() {
    const own = ++wholes;
    fresh = new Set();
    const head = await api.post("/api/queue", { first: HEAD });
    take(head);
    const seen = new Set(head.rows.map((row) => row.conversation));
    if (seen.size >= (head.counts?.open ?? 0)) {
      keepOnly(seen);
      return head.number;
    }
    counts = head.counts;
    tell(new Set(seen));
    rest(own, seen).catch(() => undefined); // no connection: it is loaded anew when that is back
    return head.number;
  }

  /** Fetches page after page; what is in none of them is closed or gone. */
  async function rest(own, seen) {
    for (let after = ""; after !== null; ) {
      const answer = await api.post("/api/queue", { after });
      if (own !== wholes) {
        return;
      }
      const found = answer.rows.filter((row) => !fresh.has(row.conversation));
      take({ ...answer, rows: found });
      answer.rows.forEach((row) => seen.add(row.conversation));
      after = answer.rows.at(-1)?.conversation ?? null;
    }
    keepOnly(seen);
  }

  function keepOnly(seen) {
    const before = [...rows.keys()];
    before.filter((id) => !seen.has(id) && !fresh.has(id)).forEach((id) => rows.delete(id));
    counts = null;
    tell(new Set([...before, ...rows.keys()]));
  }

  /** Fetches some; those the server does not name are closed or gone. */
  async function refresh(ids) {
    const answer = await api.post("/api/queue", { conversations: ids });
    ids.forEach((id) => {
      rows.delete(id);
      fresh.add(id);
    });
    take(answer);
    tell(new Set(ids));
  }

  async function gather() {
    isGathering = true;
    await pause(GATHER_MS);
    const ids = [...touched];
    touched = new Set();
    isGathering = false;
    for (let at = 0; at < ids.length; at += MOST_AT_ONCE) {
      await refresh(ids.slice(at, at + MOST_AT_ONCE));
    }
  }

  async function wholeSoon() {
    if (!isWholeDue) {
      isWholeDue = true;
      await pause(WHOLE_AGAIN_MS);
      isWholeDue = false;
      await load();
    }
  }

  return {
    load,
    /** Fetches one row anew. @param {string} id */
    look: (id) => refresh([id]),
    get: (id) => rows.get(id),
    has: (id) => rows.has(id),
    all: () => rows.values(),
    screening: () => screening,

    /** @param {string | undefined} channel @returns {boolean} whether files go over it */
    carriesFiles: (channel) => attachments.includes(channel),
    /** @param {string | null} id @returns {string} the name of a member; "" for nobody */
    nameOf: (id) => (id && staff[id]) || "",

    /** Who waits: unanswered, and either free or held by this member. */
    queue: (own, now) =>
      order(
        [...rows.values()].filter(
          (row) => row.waiting_since !== null && (row.holder === null || row.holder === own),
        ),
        now,
      ),
    /** How many wait who are free or held by this member, also while not all of them are here. */
    count(own) {
      const here = [...rows.values()].filter(
        (row) => row.waiting_since !== null && (row.holder === null || row.holder === own),
      ).length;
      return Math.max(here, counts?.queue ?? 0);
    },
    /** What this member holds. */
    mine: (own, now) =>
      orderMine(
        [...rows.values()].filter((row) => row.holder === own),
        now,
      ),
    /** All who wait for an answer, whoever holds them. */
    waiting: () => [...rows.values()].filter((row) => row.waiting_since !== null),

    /** What this member just did, before the server tells everybody. */
    patch(id, fields) {
      const row = rows.get(id);
      if (row) {
        rows.set(id, { ...row, ...fields });
        tell(new Set([id]));
      }
    },

    /** A change came: its row is fetched soon, together with others. */
    async changed({ conversation, what }) {
      try {
        if (conversation === null || what === "gap") {
          const open = openOnes();
          if (open.length) {
            await refresh(open); // what is open must vanish at once when it was erased
          }
          await wholeSoon();
          return;
        }
        touched.add(conversation);
        if (!isGathering) {
          await gather();
        }
      } catch {
        // No connection: the stream breaks as well, and everything is fetched when it is back.
      }
    },

    /** @param {() => string[]} ids of what is open, looked at first when something was erased */
    lookFirst(ids) {
      openOnes = ids;
    },

    /** @param {(ids: Set<string>) => void} listener @returns {() => void} stops it */
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
