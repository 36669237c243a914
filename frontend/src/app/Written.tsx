import { Fragment } from "preact";

const LINK = /https?:\/\/[^\s<>"'，。；！？、）】]+/g;
/** What ends a sentence around an address rather than the address. */
const TRAILING = /[.,;:!?)\]}]+$/;

/** What a person typed, as typed: line breaks stay, addresses become links, and nothing else has a meaning. */
export function Written({ text }: { text: string }) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    const url = found[0].replace(TRAILING, "");
    parts.push(text.slice(end, found.index));
    parts.push(
      <a href={url} target="_blank" rel="noopener noreferrer nofollow">
        {url}
      </a>,
    );
    end = found.index + url.length;
  }
  parts.push(text.slice(end));
  return (
    <div class="written">
      {parts.map((part, index) => (
        <Fragment key={index}>{part}</Fragment>
      ))}
    </div>
  );
}
