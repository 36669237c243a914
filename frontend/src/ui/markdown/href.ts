const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/**
 * The address to link to, or null if it must not be one. The browser's own parser decides which scheme an address has, after
 * it has removed what it ignores (tabs, newlines, leading control characters); what it returns is what is linked.
 */
export function safeHref(address: string): string | null {
  try {
    const url = new URL(address);
    return SCHEMES.has(url.protocol) ? url.href : null;
  } catch {
    return null; // relative ones too: an answer is shown on pages that it knows nothing about
  }
}
