// Where the console starts.
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { fetchAhead } from './routes.tsx';
import { applyTheme, chosenTheme } from './theme.ts';
import './styles.css';

applyTheme(chosenTheme());
fetchAhead().catch(() => {
  // The page itself says so when its code can not be fetched.
});
const root = document.getElementById('root');
if (root !== null) createRoot(root).render(<App />);
