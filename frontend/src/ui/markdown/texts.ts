import { defineTexts, type Translate } from "../texts.ts";

const en = {
  copy: "Copy",
  copied: "Copied",
  code: "Code",
  table: "Table",
  source: "Source {n}",
  done: "Done",
  undone: "Not done",
} as const;

/** Words of the page itself among those of the author. */
export const markdownTexts = defineTexts({
  en,
  "zh-CN": {
    copy: "复制",
    copied: "已复制",
    code: "代码",
    table: "表格",
    source: "来源 {n}",
    done: "已完成",
    undone: "未完成",
  },
});

export type MarkdownTexts = Translate<typeof en>;
