/** The panel and all behind it: comes when the launcher is used, or when somebody returns. */
import { render } from "preact";
import controls from "../ui/controls.css?inline";
import tokens from "../ui/tokens.css?inline";
import { Announcer } from "./announcer.ts";
import { type Follower, follow } from "./follower.ts";
import type { Core, Host, Identity } from "./host.ts";
import { samePerson } from "./identity.ts";
import { textsFor } from "./labels.ts";
import { type Here, HereContext } from "./panel/here.ts";
import { Panel } from "./panel/Panel.tsx";
import css from "./panel.css?inline";
import { Sound } from "./sound.ts";
import { TEXTS } from "./texts.ts";
import { Visit } from "./visit.ts";

export function mount(host: Host): Core {
  const announcer = new Announcer();
  const sound = new Sound(host.local, host.config.site);
  const t = TEXTS.in(host.locale, textsFor(host.locale, host.moreTexts));
  const frame = document.createElement("div");
  frame.className = "frame";
  host.style(tokens + controls + css);
  host.shadow.append(frame, announcer.region);

  let identity: Identity | undefined = host.identity;
  let visit: Visit;
  let follower: Follower;
  let unfollow = () => {};
  let visits = 0;
  let open = false;
  let opened = false;
  let focus = 0;
  let conversation: Here["conversation"] = null;
  let loading = false;

  function begin(): void {
    visits += 1;
    visit = new Visit(host, identity);
    follower = follow(host, visit, sound);
    const stopWatching = visit.client.subscribe(({ connection }) => {
      // Never let in: nobody can chat here, and the page's developer has to know why.
      if (connection.status === "refused" && connection.code === "forbidden" && !visit.site) {
        host.refuse(connection.code, connection.message);
      }
    });
    unfollow = () => {
      follower.stop();
      stopWatching();
    };
    visit.client.start();
  }

  function end(): void {
    unfollow();
    visit.end();
  }

  async function load(): Promise<void> {
    if (conversation || loading) return;
    loading = true;
    show();
    try {
      void import("../ui/markdown/writer.ts").catch(() => {}); // beside the other; what needs it asks once more
      const found = await import("./conversation/index.ts");
      host.style(found.css);
      conversation = found;
    } catch {
      // No connection, or a release has taken its place since the page was loaded.
    } finally {
      loading = false;
    }
    show();
  }

  function show(): void {
    if (!opened) return; // a badge needs no panel
    const here: Here = {
      host,
      visit,
      sound,
      t,
      conversation,
      loading,
      load,
      say: (text) => announcer.say(text),
      restart,
    };
    render(
      <HereContext.Provider value={here}>
        <Panel key={visits} open={open} focus={focus} />
      </HereContext.Provider>,
      frame,
    );
  }

  function restart(): void {
    end();
    begin();
    show();
  }

  begin();
  const changed = () => {
    visit.wake();
    if (opened) void load();
  };
  // On `offline` too: a socket stays open without a network, and has to be asked whether it lives.
  const network = ["online", "offline", "pageshow"] as const;
  for (const event of network) window.addEventListener(event, changed);

  return {
    open(wanted) {
      open = opened = true;
      if (wanted) focus += 1;
      show();
      follower.count();
      void load();
    },
    close() {
      open = false;
      show();
      follower.count();
    },
    identify(next) {
      const same = samePerson(next, identity);
      identity = next;
      if (same) visit.identity = next;
      else restart();
    },
    destroy() {
      for (const event of network) window.removeEventListener(event, changed);
      end();
      announcer.stop();
      render(null, frame);
    },
  };
}
