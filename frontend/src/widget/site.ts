/** Whether the site wants a widget on this page, and how it should look: asked before anything is shown. */

export interface SiteInfo {
  readonly name: string;
  readonly locale: string;
  readonly theme: Readonly<Record<string, unknown>>;
}

/** The server said no: a wrong key, an origin it does not know, a closed site. */
export class Refused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Null: the server could not be asked, or has no time. Makes no visitor and keeps nothing. Raises `Refused`. */
export async function askSite(server: string, key: string): Promise<SiteInfo | null> {
  try {
    const response = await fetch(`${server}api/v1/widget/site?site=${encodeURIComponent(key)}`, {
      credentials: "omit",
    });
    if (response.ok) return (await response.json()) as SiteInfo;
    if (response.status === 403 || response.status === 404) {
      const { code, detail } = (await response.json()) as { code: string; detail: string };
      throw new Refused(code, detail);
    }
  } catch (error) {
    if (error instanceof Refused) throw error;
  }
  return null;
}

/** One line for the page's developer, who can do something about it; visitors see nothing. */
export function explain(refused: { code: string; message: string }, server: string, key: string): string {
  const what = refused.code === "not_found" ? "check data-site in the script tag" : "sites and their origins";
  return `Chatserver: no chat on this page. ${refused.message} (site "${key}", origin ${location.origin}; ${what}: ${server}admin/)`;
}
