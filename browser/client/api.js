// The few requests that this page makes, all to its own server.

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
 * @param {string} path @param {object} body @returns {Promise<object>}
 * @throws {Refusal | NoAnswer}
 */
export async function post(path, body) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: stop.signal,
    });
    const answer = await response.json();
    if (!response.ok) {
      throw new Refusal(answer.error ?? "unavailable", answer);
    }
    return answer;
  } catch (error) {
    if (error instanceof Refusal) {
      throw error;
    }
    throw new NoAnswer();
  } finally {
    clearTimeout(timer);
  }
}
