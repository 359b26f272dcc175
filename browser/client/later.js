// What is not needed before the first message can be sent: fetched when somebody comes back, or
// while the first message is on its way.
export { watchAsking } from "./asking.js";
export { watchComingBack } from "./coming_back.js";
export { watchTalking } from "./talking.js";
