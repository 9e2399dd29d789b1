import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Call } from "./call/call";
import { type PageConfig, pageConfig } from "./server/api";
import { makeTransport } from "./transports";
import { App } from "./ui/App";
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

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App call={call} />
    </StrictMode>,
  );
}
