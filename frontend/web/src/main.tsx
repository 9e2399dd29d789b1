import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Call } from "./call/call";
import { type PageConfig, pageConfig } from "./server/api";
import { makeTransport } from "./transports";
import { App } from "./ui/App";
import { smallModel } from "./words";
import "./styles/page.css";
import "./styles/talk.css";
import "./styles/details.css";

declare global {
  interface Window {
    /** For tests, and for the curious at the console. */
    vdx: Call;
  }
}

const config: Promise<PageConfig> = pageConfig();
// Asked for again when a call begins; an unhandled rejection would only repeat it.
config.catch(() => undefined);
const call = new Call(makeTransport(config, new URLSearchParams(location.search)));
window.vdx = call;
config.then(
  ({ small_model }) => small_model && call.notify("model", smallModel(small_model)),
  () => undefined,
);

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App call={call} />
    </StrictMode>,
  );
}
