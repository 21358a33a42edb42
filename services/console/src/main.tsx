// Where the console starts.
import { createRoot } from 'react-dom/client';
import { App, fetchAhead } from './app.tsx';
import './styles.css';
import { applyTheme, chosenTheme } from './ui/theme.ts';

applyTheme(chosenTheme());
fetchAhead().catch(() => {
  // The page itself says so when its code can not be fetched.
});
const root = document.getElementById('root');
if (root !== null) createRoot(root).render(<App />);
