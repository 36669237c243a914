/** An address is its owner's text: only what a browser opens as a page becomes a link. */
export function webAddress(url: string | null): string | null {
  return url && /^https?:\/\//i.test(url) ? url : null;
}
