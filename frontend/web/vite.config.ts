import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  base: "./",
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 700, // LiveKit, which comes only where rooms are served
    assetsInlineLimit: 0, // the content security policy allows no data: scripts
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: { index: "index.html", operate: "operate.html" } },
  },
  worker: { format: "es" },
  // `npm run dev` beside a running `vdx up`.
  server: {
    proxy: { "/vdx": "http://127.0.0.1:8080", "/v1": { target: "ws://127.0.0.1:8080", ws: true } },
  },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
});
