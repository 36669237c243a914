import { useEffect, useRef } from "preact/hooks";
import { ChatError, type Message, type RoomId, type Source } from "../sdk/index.ts";
import { useLoaded } from "../shell/parts/action.ts";
import { Problem } from "../shell/parts/Problem.tsx";
import { Back, Document, Download, Expand, External } from "../ui/icons.tsx";
import { useApp } from "./context.ts";
import { SidePanel } from "./SidePanel.tsx";

/** `GET rooms/{room}/messages/{message}/sources/{n}` */
interface Passage {
  readonly title: string;
  readonly url: string | null;
  readonly where: string;
  readonly before: string;
  readonly passage: string;
  readonly after: string;
  /** The address of the original; null when it is not kept. */
  readonly download: string | null;
}

/** One of an answer's sources: the passage within the text around it, and the way to the document. */
export function SourcePanel(props: {
  room: RoomId;
  message: Message;
  n: number;
  onChoose(n: number): void;
  onClose(): void;
}) {
  const { api, t } = useApp();
  const { room, message, n, onChoose } = props;
  const sources = message.sources ?? [];
  const index = sources.findIndex((source) => source.n === n);
  const source = sources[index];
  const path = `rooms/${room}/messages/${message.id}/sources/${n}`;
  const { value, error, loading, again } = useLoaded(path, () => api.call<Passage>("GET", path));
  const gone = error instanceof ChatError && error.code === "not_found";
  const step = (to: Source | undefined, label: string, icon: preact.JSX.Element) => (
    <button
      type="button"
      class="cs-icon-button"
      data-size="sm"
      aria-label={label}
      title={label}
      disabled={!to}
      onClick={() => to && onChoose(to.n)}
    >
      {icon}
    </button>
  );
  return (
    <SidePanel
      title={t("source", { n })}
      onClose={props.onClose}
      tools={
        sources.length > 1 && (
          <span class="panel-steps">
            {step(sources[index - 1], t("previousSource"), <Back />)}
            {step(sources[index + 1], t("nextSource"), <Expand />)}
          </span>
        )
      }
    >
      <h3 class="source-title">
        <Document /> <span>{value?.title ?? source?.title}</span>
      </h3>
      {(value?.where || source?.where) && <p class="source-where">{value?.where ?? source?.where}</p>}
      {value && <Links url={value.url} download={value.download} />}
      {loading && (
        <p class="source-loading" role="status">
          <span class="spinner" /> {t("sourceLoading")}
        </p>
      )}
      {gone ? <p class="source-note">{t("sourceGone")}</p> : <Problem error={error} onRetry={again} />}
      {value ? (
        <InContext key={path} passage={value} />
      ) : (
        source?.quote && (
          <blockquote class="passage">
            <mark>{source.quote}</mark>
          </blockquote>
        )
      )}
    </SidePanel>
  );
}

function Links({ url, download }: { url: string | null; download: string | null }) {
  const { t } = useApp();
  // A document's address is its owner's text: only what a browser opens as a page becomes a link.
  const page = url && /^https?:\/\//i.test(url) ? url : null;
  if (!page && !download) return null;
  return (
    <p class="source-links">
      {page && (
        <a class="cs-button" data-size="sm" href={page} target="_blank" rel="noopener noreferrer">
          <External /> {t("openDocument")}
        </a>
      )}
      {download && (
        <a class="cs-button" data-size="sm" href={download} download>
          <Download /> {t("download")}
        </a>
      )}
    </p>
  );
}

function InContext({ passage }: { passage: Passage }) {
  const { t } = useApp();
  const mark = useRef<HTMLElement>(null);
  useEffect(() => mark.current?.scrollIntoView({ block: "center" }), []);
  return (
    <blockquote
      class="passage"
      aria-label={t("passage")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area has to be reachable by keyboard
      tabIndex={0}
    >
      {passage.before}
      <mark ref={mark}>{passage.passage}</mark>
      {passage.after}
    </blockquote>
  );
}
