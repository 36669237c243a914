/** Sending a file with its progress, which `fetch` does not tell. */

import { problemOf } from "../sdk/http.ts";
import { ChatError } from "../sdk/index.ts";

export interface UploadRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: FormData;
  readonly signal: AbortSignal;
  /** Bytes of the body that have been sent. */
  sent(bytes: number): void;
}

/** The server's answer. Throws `ChatError`; the signal's reason when that ended it. */
export function upload<T>({ url, headers, body, signal, sent }: UploadRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    signal.addEventListener("abort", abort);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded }) => sent(loaded);
    request.onload = () => {
      const { status, response } = request;
      if (status >= 200 && status < 300) resolve(response as T);
      else reject(problemOf(status, response));
    };
    request.onerror = () => reject(new ChatError("offline", "The server cannot be reached."));
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal.removeEventListener("abort", abort);
    request.open("POST", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(body);
  });
}
