import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Call } from "./call/call";
import { keep, kept } from "./history/kept";
import { type PageConfig, pageConfig } from "./server/api";
import { makeTransport } from "./transports";
import { App } from "./ui/App";
import { loadWords, words } from "./words";
import "./styles/page.css";
import "./styles/talk.css";
import "./styles/details.css";
import "./styles/panels.css";

declare global {
  interface Window {
    /** For tests, and for the curious at the console. */
    vdx: Call;
  }
}

const SMALL_MODEL_COMMAND = "vdx up --responder chat --set responder.chat.model=llama3.2";
const KEEP_MS = 500;

const config: Promise<PageConfig> = pageConfig();
// Asked for again when a call begins; an unhandled rejection would only repeat it.
config.catch(() => undefined);
const query = new URLSearchParams(location.search);
const call = new Call(makeTransport(config, query), query.get("model") ?? "");
window.vdx = call;

/** Captions outlive a page that is loaded again; written seldom, for they change with each word. */
function keepLines(): void {
  call.restore(kept(sessionStorage));
  let isDue = false;
  call.store.subscribe(() => {
    if (isDue) return;
    isDue = true;
    setTimeout(() => {
      isDue = false;
      keep(sessionStorage, call.store.get().lines);
    }, KEEP_MS);
  });
  addEventListener("pagehide", () => keep(sessionStorage, call.store.get().lines));
}

function draw(): void {
  const root = document.getElementById("root");
  if (!root) return;
  createRoot(root).render(
    <StrictMode>
      <App call={call} />
    </StrictMode>,
  );
}

/** What is said of the starter language model, before anybody wonders at its answers. */
function tellSmallModel({ small_model: name }: PageConfig): void {
  if (!name) return;
  call.notify("model", { text: words().models.small(name), command: SMALL_MODEL_COMMAND });
}

// Words that cannot be fetched are English.
void loadWords()
  .catch(() => undefined)
  .then(() => {
    keepLines();
    draw();
    config.then(tellSmallModel, () => undefined);
  });
