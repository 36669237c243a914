/** One set of icons: 20 × 20, strokes of 1.6 in the colour of the text around them. They are decorative; controls carry labels. */

/** Each icon stands alone, so that a bundle holds only those it uses. */
function icon(path: string) {
  return () => (
    <svg class="cs-icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
      <path
        d={path}
        fill="none"
        stroke="currentColor"
        stroke-width="1.6"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

export const Send = /* @__PURE__ */ icon("M10 16.5v-13M4.5 9 10 3.5 15.5 9");
export const Stop = /* @__PURE__ */ icon(
  "M6.2 5h7.6A1.2 1.2 0 0 1 15 6.2v7.6a1.2 1.2 0 0 1-1.2 1.2H6.2A1.2 1.2 0 0 1 5 13.8V6.2A1.2 1.2 0 0 1 6.2 5z",
);
export const Retry = /* @__PURE__ */ icon("M16 10a6 6 0 1 1-1.9-4.4M16 2.8v3.4h-3.4");
export const ThumbUp = /* @__PURE__ */ icon(
  "M6.5 9v7.5H3.8a.8.8 0 0 1-.8-.8V9.8a.8.8 0 0 1 .8-.8h2.7zM6.5 9l3-6c1.2 0 2 .8 2 2v3h4.1a1.4 1.4 0 0 1 1.4 1.6l-.9 5.7a1.4 1.4 0 0 1-1.4 1.2H6.5",
);
export const ThumbDown = /* @__PURE__ */ icon(
  "M13.5 11V3.5h2.7a.8.8 0 0 1 .8.8v5.9a.8.8 0 0 1-.8.8h-2.7zM13.5 11l-3 6c-1.2 0-2-.8-2-2v-3H4.4A1.4 1.4 0 0 1 3 10.4l.9-5.7a1.4 1.4 0 0 1 1.4-1.2h8.2",
);
export const Copy = /* @__PURE__ */ icon(
  "M8.2 7h7.1c.7 0 1.2.5 1.2 1.2v7.1c0 .7-.5 1.2-1.2 1.2H8.2c-.7 0-1.2-.5-1.2-1.2V8.2C7 7.5 7.5 7 8.2 7zM4.5 13h-.3c-.7 0-1.2-.5-1.2-1.2V4.7c0-.7.5-1.2 1.2-1.2h7.1c.7 0 1.2.5 1.2 1.2V5",
);
export const Check = /* @__PURE__ */ icon("m4 10.5 4 4 8-9");
export const Close = /* @__PURE__ */ icon("m5 5 10 10M15 5 5 15");
export const Back = /* @__PURE__ */ icon("M12.5 4 6.5 10l6 6");
export const Down = /* @__PURE__ */ icon("M10 4v12M4.8 10.8 10 16l5.2-5.2");
export const Expand = /* @__PURE__ */ icon("m5 7.5 5 5 5-5");
export const Plus = /* @__PURE__ */ icon("M10 4v12M4 10h12");
export const Search = /* @__PURE__ */ icon("M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l3.8 3.8");
export const People = /* @__PURE__ */ icon(
  "M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 16.5v-.7a4 4 0 0 1 4-4h2a4 4 0 0 1 4 4v.7M13 3.8a3 3 0 0 1 0 5.4M15 12.2a4 4 0 0 1 2.5 3.6v.7",
);
export const PersonAdd = /* @__PURE__ */ icon(
  "M8 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 16.5v-.7a4 4 0 0 1 4-4h2a4 4 0 0 1 4 4v.7M16 7v5M13.5 9.5h5",
);
export const More = /* @__PURE__ */ icon(
  "M4 10a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0zM9.4 10a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0zM14.8 10a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0z",
);
export const Reply = /* @__PURE__ */ icon("M8 5 3.5 9.5 8 14M3.5 9.5h8a5 5 0 0 1 5 5v1");
export const Edit = /* @__PURE__ */ icon("m12.8 4.2 3 3L7 16l-3.8.8.8-3.8 8.8-8.8z");
export const Trash = /* @__PURE__ */ icon(
  "M3.5 5.5h13M8 5.5V4c0-.3.2-.5.5-.5h3c.3 0 .5.2.5.5v1.5M5.2 5.5l.7 10c0 .6.5 1 1.1 1h6c.6 0 1.1-.4 1.1-1l.7-10M8.3 9v4M11.7 9v4",
);
export const Leave = /* @__PURE__ */ icon("M8 3.5H5c-.6 0-1 .4-1 1v11c0 .6.4 1 1 1h3M13 13.5l3.5-3.5L13 6.5M16.5 10H8");
export const Sun = /* @__PURE__ */ icon(
  "M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1",
);
export const Moon = /* @__PURE__ */ icon("M16.5 11.7A6.8 6.8 0 0 1 8.3 3.5a6.8 6.8 0 1 0 8.2 8.2z");
export const Screen = /* @__PURE__ */ icon(
  "M3.7 4h12.6c.4 0 .7.3.7.7v7.6c0 .4-.3.7-.7.7H3.7a.7.7 0 0 1-.7-.7V4.7c0-.4.3-.7.7-.7zM7 16.5h6M10 13v3.5",
);
export const Globe = /* @__PURE__ */ icon(
  "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM3 10h14M10 3c2 2 2.9 4.3 2.9 7s-.9 5-2.9 7c-2-2-2.9-4.3-2.9-7S8 5 10 3z",
);
export const Document = /* @__PURE__ */ icon(
  "M11.5 2.8H6c-.6 0-1 .4-1 1v12.4c0 .6.4 1 1 1h8c.6 0 1-.4 1-1V6.3l-3.5-3.5zM11.5 2.8v3.5H15M7.5 10h5M7.5 13h5",
);
export const External = /* @__PURE__ */ icon(
  "M8.5 4.5H5c-.6 0-1 .4-1 1V15c0 .6.4 1 1 1h9.5c.6 0 1-.4 1-1v-3.5M11.5 4h4.5v4.5M16 4l-7 7",
);
export const Download = /* @__PURE__ */ icon("M10 3.5v9M6 8.8l4 4 4-4M4 16.5h12");
export const Alert = /* @__PURE__ */ icon(
  "M10 7.5v3.5M10 13.8h.01M9.1 3.8 2.8 14.7c-.4.7.1 1.6.9 1.6h12.6c.8 0 1.3-.9.9-1.6L10.9 3.8a1 1 0 0 0-1.8 0z",
);
export const Offline = /* @__PURE__ */ icon(
  "M3 3l14 14M8.3 4.7A5 5 0 0 1 14.5 9a3.5 3.5 0 0 1 2.2 5.6M13.5 15.5H6a3.5 3.5 0 0 1-.6-6.9c0-.8.2-1.5.5-2.1",
);
export const Clock = /* @__PURE__ */ icon("M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4l2.7 1.8");
export const Sparkle = /* @__PURE__ */ icon(
  "M9 3.5 10.6 8 15 9.6 10.6 11.2 9 15.7 7.4 11.2 3 9.6 7.4 8 9 3.5zM15.5 13.5l.6 1.7 1.7.6-1.7.6-.6 1.7-.6-1.7-1.7-.6 1.7-.6.6-1.7z",
);
export const Chat = /* @__PURE__ */ icon(
  "M4.5 4h11c.8 0 1.5.7 1.5 1.5v7c0 .8-.7 1.5-1.5 1.5H9l-4 3v-3h-.5c-.8 0-1.5-.7-1.5-1.5v-7C3 4.7 3.7 4 4.5 4z",
);
export const Books = /* @__PURE__ */ icon(
  "M4 3.5h2.6c.3 0 .5.2.5.5v12c0 .3-.2.5-.5.5H4c-.3 0-.5-.2-.5-.5V4c0-.3.2-.5.5-.5zM7.1 6h3c.3 0 .5.2.5.5V16c0 .3-.2.5-.5.5H7.1M12 4.6l2.3-.6c.3-.1.5.1.6.3l2.4 11.3c.1.3-.1.5-.3.6l-2.3.5c-.3.1-.5-.1-.6-.3L11.7 5.2c-.1-.3.1-.5.3-.6zM3.5 13h3.6",
);
export const Folder = /* @__PURE__ */ icon(
  "M3 6.2v8.6c0 .7.5 1.2 1.2 1.2h11.6c.7 0 1.2-.5 1.2-1.2V7.7c0-.7-.5-1.2-1.2-1.2H10L8.2 4.5H4.2C3.5 4.5 3 5 3 5.7v.5z",
);
export const Question = /* @__PURE__ */ icon(
  "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM7.9 8a2.1 2.1 0 1 1 3 1.9c-.6.3-.9.7-.9 1.4M10 13.6h.01",
);
export const Upload = /* @__PURE__ */ icon("M10 13V4M6 7.7 10 3.7l4 4M4 16.5h12");
export const Lock = /* @__PURE__ */ icon(
  "M5.7 9h8.6c.4 0 .7.3.7.7v6.1c0 .4-.3.7-.7.7H5.7a.7.7 0 0 1-.7-.7V9.7c0-.4.3-.7.7-.7zM7 9V6.5a3 3 0 0 1 6 0V9M10 12.2v1.6",
);
