import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { loadWords, words } from "../words";
import { Operate } from "./Operate";
import "../styles/page.css";
import "../styles/details.css";
import "../styles/panels.css";
import "./operate.css";

function draw(): void {
  const root = document.getElementById("root");
  if (!root) return;
  document.title = words().operate.title;
  createRoot(root).render(
    <StrictMode>
      <Operate />
    </StrictMode>,
  );
}

// Words that cannot be fetched are English.
void loadWords()
  .catch(() => undefined)
  .then(draw);
