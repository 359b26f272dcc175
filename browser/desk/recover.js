// Coming in with the recovery sheets, when nobody else can let anybody in.

import { equal, fromBase64Url, toBase64Url } from "../envelope/bytes.js";
import { CannotOpen } from "../envelope/sealing.js";
import { RosterError, verifyChain } from "../roster/roster.js";
import { RECOVER, freshNonce, prove } from "./keeper.js";
import { NotTheRecovery, recoveryKeys } from "./shares.js";
import { openTeam } from "./team.js";
import { RECOVERY_NAME } from "./team_state.js";

/**
 * @param {object} api @param {Uint8Array} secret of the sheets; overwritten
 * @param {Uint8Array} fingerprint of the root that this desk trusts
 * @returns {Promise<{token: string, sealed: object, member: import("./sign_in.js").Member}>}
 * @throws {NotTheRecovery | RosterError | CannotOpen | import("./api.js").Refusal}
 */
export async function recover(api, secret, fingerprint) {
  const keys = recoveryKeys(secret);
  secret.fill(0);
  const hello = await api.post("/api/hello", {});
  const known = verifyChain(hello.roster.map(fromBase64Url), fingerprint);
  const person = known.people.find(
    (one) =>
      one.name === RECOVERY_NAME &&
      equal(one.boxKey, keys.box.public) &&
      equal(one.signKey, keys.sign.public),
  );
  if (!person) {
    throw new NotTheRecovery();
  }
  const { nonce } = await freshNonce(api);
  const proof = prove(keys.sign, nonce, RECOVER, [person.staffId]);
  const body = { person: toBase64Url(person.staffId), ...proof.fields };
  const answer = await api.post("/api/recover", body);
  const [, ...grants] = proof.read(answer.answer);
  const roster = verifyChain(answer.roster.map(fromBase64Url), fingerprint);
  if (roster.hashes.length < known.hashes.length) {
    throw new RosterError("the roster is shorter than the one that was seen");
  }
  const team = openTeam(keys.box, grants, roster);
  if (team.size === 0) {
    throw new CannotOpen();
  }
  const { staffId, shownName, roles } = person;
  const member = { staffId, name: shownName, roles, keys, team, roster };
  return { token: answer.session, sealed: { staffId, grants, roster }, member };
}
