import { useEffect, useRef, useState } from "preact/hooks";
import { ChatError } from "../sdk/index.ts";
import { Sparkle } from "../ui/icons.tsx";
import type { T } from "./context.ts";
import { describe } from "./errors.ts";
import { useAction } from "./parts/action.ts";
import { ThemeAndLanguage } from "./SettingsMenu.tsx";
import type { Settings } from "./settings.ts";

export function SignIn(props: {
  t: T;
  settings: Settings;
  product: string;
  /** Said above the fields: why one is here. */
  lead: string;
  signIn(username: string, password: string): Promise<void>;
}) {
  const { t } = props;
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const { run, busy, error } = useAction(props.signIn);
  useEffect(() => field.current?.focus(), []);
  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <span class="sign-in-mark">
          <Sparkle />
        </span>
        <h1>{props.product}</h1>
        <p class="sign-in-lead">{props.lead}</p>
        <form
          onSubmit={async (event) => {
            event.preventDefault();
            if (!(await run(username, password))) field.current?.select();
          }}
        >
          <label class="field">
            <span>{t("username")}</span>
            <input
              ref={field}
              class="cs-input"
              name="username"
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              required
              maxLength={150}
              value={username}
              onInput={(event) => setUsername(event.currentTarget.value)}
            />
          </label>
          <label class="field">
            <span>{t("password")}</span>
            <input
              class="cs-input"
              name="password"
              type="password"
              autocomplete="current-password"
              required
              maxLength={1024}
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
          </label>
          <SignInProblem error={error} t={t} />
          <button type="submit" class="cs-button" data-kind="primary" disabled={busy}>
            {busy ? t("signingIn") : t("signIn")}
          </button>
        </form>
      </div>
      <ThemeAndLanguage t={t} settings={props.settings} />
    </main>
  );
}

function SignInProblem({ error, t }: { error: unknown; t: T }) {
  if (!error) return null;
  const wrong = error instanceof ChatError && error.code === "unauthenticated";
  const { said, detail } = wrong ? { said: t("wrongPassword"), detail: "" } : describe(error, t);
  return (
    <p class="field-error" role="alert">
      {said} {detail}
    </p>
  );
}
