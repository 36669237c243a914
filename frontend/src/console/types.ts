/** What the HTTP API says about knowledge; docs/protocol.md is its prose. Times are ISO 8601, sizes are bytes. */

export type DocumentStatus = "queued" | "parsing" | "embedding" | "ready" | "failed";
export type Visibility = "public" | "internal" | "restricted";

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** Named so because `Document` is the browser's. */
export interface DocumentRecord {
  readonly id: string;
  readonly collection: string;
  readonly title: string;
  /** Its file name, or the address that it came from. */
  readonly origin: string;
  readonly url: string | null;
  readonly media_type: string;
  readonly size: number;
  readonly status: DocumentStatus;
  readonly error: string | null;
  /** Vectors that are made, of `total`. */
  readonly done: number;
  readonly total: number;
  /** The archive that it came in. */
  readonly parent: string | null;
  /** The web source that it was fetched from. */
  readonly source: string | null;
  readonly owner: Named | null;
  readonly created: string;
  readonly updated: string;
}

export interface DocumentPage {
  readonly documents: readonly DocumentRecord[];
  readonly more: boolean;
}

/** Empty values do not narrow. */
export interface DocumentFilter {
  readonly collection: string;
  readonly status: DocumentStatus | "";
  readonly query: string;
  readonly source: string;
}

/** What became of a file or a text; `unchanged`: its content was there already. */
export interface Registered {
  readonly id: string;
  readonly status: DocumentStatus;
  readonly unchanged?: boolean;
}

export interface Chunk {
  readonly id: string;
  readonly ordinal: number;
  readonly heading: string;
  readonly page: number | null;
  readonly text: string;
  /** Whether its vector is made. */
  readonly embedded: boolean;
}

export interface ChunkPage {
  readonly chunks: readonly Chunk[];
  readonly more: boolean;
  readonly total: number;
}

export interface Collection {
  readonly id: string;
  readonly site: string;
  readonly site_name: string;
  readonly name: string;
  readonly visibility: Visibility;
  readonly readers: readonly Named[];
  readonly documents: number;
}

/** `lexical` is BM25, `dense` the cosine, each null where that leg did not find it; `score` is both, from 0 to 1. */
export interface Passage {
  readonly chunk: string;
  readonly document: string;
  readonly collection: string;
  readonly title: string;
  readonly text: string;
  readonly ordinal: number;
  readonly heading: string;
  readonly page: number | null;
  readonly url: string | null;
  readonly score: number;
  readonly lexical: number | null;
  readonly dense: number | null;
  readonly relevant: boolean;
}

export interface Found {
  readonly passages: readonly Passage[];
  readonly embedder: string | null;
  /** What the leg of meaning did; `gated`: its scores say nothing for such a question. */
  readonly dense: "used" | "off" | "gated" | "failed";
  readonly relevant: boolean;
}

export interface SearchState {
  /** The model that is configured; null: search goes by words alone. */
  readonly embedder: string | null;
  /** The model whose vectors serve now. */
  readonly serving: string | null;
  readonly reembedding: { readonly done: number; readonly total: number } | null;
  readonly documents: Readonly<Record<DocumentStatus, number>>;
  readonly chunks: number;
}

export interface WebSource {
  readonly id: string;
  readonly collection: string;
  readonly url: string;
  readonly kind: "page" | "sitemap";
  /** 0: once. */
  readonly every_hours: number;
  readonly page_limit: number;
  readonly status: "queued" | "fetching" | "ready" | "failed";
  readonly error: string | null;
  readonly done: number;
  readonly total: number;
  readonly documents: number;
  readonly fetched: string | null;
  readonly next_fetch: string | null;
}

export type GapReason = "not_found" | "unsupported" | "disliked" | "failed";

/** Questions without a good answer that ask for the same. */
export interface Gap {
  /** The newest question's answer. */
  readonly id: string;
  readonly site: string;
  readonly question: string;
  readonly count: number;
  readonly reasons: Readonly<Partial<Record<GapReason, number>>>;
  readonly last: string;
  readonly questions: readonly {
    /** The answer's id. */
    readonly message: string;
    readonly room: string;
    readonly text: string;
    readonly asked: string;
    readonly reason: GapReason;
  }[];
}

export interface GapReport {
  readonly gaps: readonly Gap[];
  /** Answers that were looked at. */
  readonly considered: number;
}
