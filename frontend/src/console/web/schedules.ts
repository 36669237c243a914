/** How often a web source is fetched, by the hours between; 0 is once. */
export const SCHEDULES = [
  [0, "once"],
  [24, "daily"],
  [168, "weekly"],
  [720, "monthly"],
] as const;

export type Schedule = (typeof SCHEDULES)[number][1];

/** The word for hours that another client may have chosen freely: the nearest that is not rarer. */
export function scheduleOf(hours: number): Schedule {
  if (hours <= 0) return "once";
  return SCHEDULES.find(([each]) => each >= hours)?.[1] ?? "monthly";
}

/** Most sitemaps say so in their address. */
export function looksLikeSitemap(url: string): boolean {
  return /sitemap[^/]*$|\.xml(\.gz)?$/i.test(url.split(/[?#]/)[0] ?? "");
}
