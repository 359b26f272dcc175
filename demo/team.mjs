// Two made-up counsellors, set up with the desk's own code: the first by the set-up link, the
// second invited, heard and let in, as docs/team.md tells it.
//
// Reads {"desk": address, "token": of the set-up link} from standard input; prints
// {"fingerprint", "people": [{"name", "shown", "password", "secret", "step"}]}, base64url where
// bytes; "step" is that of the last number used of the second key.

import { text } from "node:stream/consumers";

import { equal, fromBase64Url, randomBytes, toBase64Url } from "../browser/envelope/bytes.js";
import { newcomerHash, COUNSELLOR } from "../browser/roster/roster.js";
import { newApi } from "../browser/desk/api.js";
import { askInvitation, makeJoin, sendJoin } from "../browser/desk/join.js";
import { offerPassword } from "../browser/desk/password.js";
import { askSetUpKeys, makeSetUp, sendSetUp } from "../browser/desk/set_up.js";
import { signIn } from "../browser/desk/sign_in.js";
import { newTeamState } from "../browser/desk/team_state.js";
import { codeAt, SECRET_SIZE, stepOf } from "../browser/desk/totp.js";
import { WORDS } from "../browser/phrase/words.js";

const ENOUGH = 5; // seconds

const seconds = () => Math.floor(Date.now() / 1000);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const kept = { get: () => null, set: () => undefined };

const newPerson = (name, shownName) => ({
  name,
  shownName,
  password: offerPassword(WORDS),
  secret: randomBytes(SECRET_SIZE),
});

/** The number of a step; each is taken once, and one step either side of now. */
function codeOf(person, step) {
  person.step = step;
  return codeAt(person.secret, step);
}

/** The step that lasts long enough for all that is done here. */
async function stepNow() {
  const left = 30 - (seconds() % 30);
  await pause(left < ENOUGH ? left * 1_000 : 0);
  return stepOf(seconds());
}

async function setUp(api, token, first, step) {
  const keys = await askSetUpKeys(api, token);
  const made = await makeSetUp(token, keys, { ...first, code: codeOf(first, step - 1) }, seconds());
  const pinned = await sendSetUp(api, made.body, pause);
  if (!equal(pinned, made.fingerprint)) {
    throw new Error("the keeper pinned another fingerprint");
  }
  return pinned;
}

/** The first invites, the second joins, and the first lets in whose words it hears. */
async function join(api, fingerprint, first, second, step) {
  const typed = { ...first, code: codeOf(first, step) };
  const { token, sealed, member } = await signIn(api, typed, fingerprint);
  api.useSession(token);
  const team = newTeamState({ api, kept, sealed, now: () => Date.now() }, member);
  const { invitation } = await team.invite(COUNSELLOR);
  const { roles } = await askInvitation(api, invitation);
  const made = await makeJoin(invitation, roles, { ...second, code: codeOf(second, step) });
  await sendJoin(api, invitation, made.body, pause);
  const { newcomers } = await team.look();
  const person = newcomers
    .filter(({ joined }) => joined)
    .map(({ staffId, roles: asked, joined }) => ({ staffId, roles: asked, ...joined }))
    .find((one) => equal(newcomerHash(fingerprint, one), made.words));
  await team.name(person);
  await team.letRead(person);
  await api.post("/api/signout", {});
}

const { desk, token } = JSON.parse(await text(process.stdin));
const api = newApi((path, options) => fetch(new URL(path, desk), options));
const people = [newPerson("Ana Example", "Ana"), newPerson("Jo Example", "Jo")];
const step = await stepNow();
const fingerprint = await setUp(api, fromBase64Url(token), people[0], step);
await join(api, fingerprint, ...people, step);
console.log(
  JSON.stringify({
    fingerprint: toBase64Url(fingerprint),
    people: people.map(({ name, shownName, password, secret, step: used }) => ({
      name,
      shown: shownName,
      password,
      secret: toBase64Url(secret),
      step: used,
    })),
  }),
);
