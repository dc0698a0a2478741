import react from '@vitejs/plugin-react';
import { defaultClientConditions, defaultServerConditions, defineConfig } from 'vite';

/** Where `boltorezka serve` runs while the page comes from vite (`npm run dev`). */
const SERVER = process.env.BOLTOREZKA_SERVER ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  // The client library is used from its sources, so that no build has to come first.
  resolve: { conditions: ['boltorezka-source', ...defaultClientConditions] },
  ssr: { resolve: { conditions: ['boltorezka-source', ...defaultServerConditions] } },
  build: {
    target: 'es2022',
    // The page's policy allows no inlined fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: 'index.html', 'push-worker': 'src/push/worker.ts' },
      // A service worker keeps its name: browsers look for a new one at the same address. It shares no code with the page.
      output: {
        entryFileNames: ({ name }) => (name === 'push-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
    // One page that needs all of it at once: splitting would only add a round trip.
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { '/v1': { target: SERVER, ws: true } } },
});
