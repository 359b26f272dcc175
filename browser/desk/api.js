// The desk's requests, all to its own server. The session is a token in this page's memory, sent
// as a header; there is no cookie.

const PATIENCE_MS = 20_000;

/** The server answered, and said no. */
export class Refusal extends Error {
  /** @param {string} code as the server named it @param {object} detail */
  constructor(code, detail) {
    super(`the server answered: ${code}`);
    Object.assign(this, { code, detail });
  }
}

/** Whether the request arrived is not known: no connection, or no answer in time. */
export class NoAnswer extends Error {}

/**
 * @param {(path: string, options: object) => Promise<Response>} send the browser's fetch
 * @param {() => void} [onSignedOut] told when the server knows the session no more
 */
export function newApi(send, onSignedOut = () => undefined) {
  let session = null;

  function request(path, body, signal) {
    const headers = { "Content-Type": "application/json" };
    if (session) {
      headers["Havenline-Session"] = session;
    }
    return send(path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal,
    });
  }

  async function refusalOf(response) {
    const detail = await response.json();
    if (response.status === 401 && session) {
      session = null;
      onSignedOut();
    }
    return new Refusal(detail.error ?? "unavailable", detail);
  }

  return {
    /** @param {string | null} token of the session, from now on */
    useSession(token) {
      session = token;
    },
    isSignedIn: () => session !== null,

    /** @param {string} path @param {object} body @returns {Promise<object>} */
    async post(path, body) {
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
      try {
        const response = await request(path, body, stop.signal);
        if (!response.ok) {
          throw await refusalOf(response);
        }
        return await response.json();
      } catch (error) {
        throw error instanceof Refusal ? error : new NoAnswer();
      } finally {
        clearTimeout(timer);
      }
    },

    /**
     * An answer that goes on.
     * @param {string} path @param {object} body @param {AbortSignal} signal
     * @returns {Promise<ReadableStreamDefaultReader<Uint8Array>>}
     */
    async open(path, body, signal) {
      try {
        const response = await request(path, body, signal);
        if (!response.ok) {
          throw await refusalOf(response);
        }
        return response.body.getReader();
      } catch (error) {
        throw error instanceof Refusal ? error : new NoAnswer();
      }
    },
  };
}
