/**
 * Conversations as they are read: what was said, and the list of them. It comes on first open, while the server is asked who is
 * here, so that nobody waits for it, and pages whose visitors ask nothing are spared it.
 */
import avatar from "../../ui/avatar.css?inline";
import markdown from "../../ui/markdown/markdown.css?inline";
import sources from "../../ui/sources.css?inline";
import own from "./conversation.css?inline";

export { History } from "./History.tsx";
export { Log } from "./Log.tsx";
export { Who } from "./Who.tsx";
export const css = avatar + sources + markdown + own;
