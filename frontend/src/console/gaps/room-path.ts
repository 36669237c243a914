import type { Place } from "../../shell/session.ts";

/** Where the rooms app shows a message. */
export function roomPath(place: Place, room: string, message: string): string {
  return `${place.path("app")}r/${room}#${message}`;
}
