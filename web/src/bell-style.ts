// The look of <belfry-bell>. Colours follow the page's light or dark setting;
// every pair of text and ground has a contrast of 4.5 or more.

const LIGHT =
	'--ground:#fff;--soft-ground:#f4f2ee;--text:#1f1d1a;--soft:#625d55;' +
	'--line:#dedad2;--accent:#0f6b6b;--badge:#b3261e;--on-badge:#fff';
const DARK =
	'--ground:#212527;--soft-ground:#191c1d;--text:#ecebe8;--soft:#a9a69f;' +
	'--line:#4a5153;--accent:#6fd0c6;--badge:#f28b82;--on-badge:#2c0b08';
const NAMES = [
	'ground', 'soft-ground', 'text', 'soft', 'line', 'accent', 'badge',
	'on-badge',
];
const own = NAMES.map((n) => `--_${n}:var(--belfry-${n},var(--${n}))`).join(';');

export const CSS = `
:host{${LIGHT};display:inline-block;position:relative;
font:1rem/1.45 system-ui,sans-serif}
@media (prefers-color-scheme:dark){:host(:not([theme=light])){${DARK}}}
:host([theme=dark]){${DARK}}
:host([hidden]),[hidden]{display:none!important}
.root{${own};color:var(--_text)}
*{box-sizing:border-box}
h2,h3,p,ol{margin:0;padding:0;font-size:inherit;list-style:none}
button{font:inherit;color:var(--_accent);background:none;cursor:pointer;
border:1px solid transparent;border-radius:.5rem;padding:.25rem .5rem;
min-height:2rem}
button:hover{border-color:var(--_line)}
button:disabled{color:var(--_soft);cursor:default}
:focus-visible{outline:3px solid var(--_accent);outline-offset:1px}
h2:focus-visible{outline:0}
.bell{position:relative;color:inherit;padding:.375rem;line-height:0}
svg{width:1.5rem;height:1.5rem;fill:currentColor}
.badge{position:absolute;top:-.25rem;right:-.375rem;min-width:1.25rem;
padding:0 .25rem;border-radius:1rem;background:var(--_badge);
color:var(--_on-badge);font-size:.75rem;line-height:1.25rem;text-align:center}
.panel{position:absolute;z-index:1000;top:calc(100% + .375rem);right:0;
width:min(24rem,calc(100vw - 1rem));max-height:min(32rem,75vh);overflow:auto;
background:var(--_ground);border:1px solid var(--_line);border-radius:.75rem;
box-shadow:0 .5rem 1.5rem rgb(0 0 0/20%);overscroll-behavior:contain}
:host([align=start]) .panel{right:auto;left:0}
.head{position:sticky;top:0;display:flex;flex-wrap:wrap;align-items:center;
justify-content:space-between;gap:0 .5rem;padding:.5rem .75rem;
background:var(--_ground);border-bottom:1px solid var(--_line)}
.state{flex-basis:100%;color:var(--_soft);font-size:.8125rem}
li{padding:.625rem .75rem;border-bottom:1px solid var(--_line);
border-left:.25rem solid transparent;background:var(--_soft-ground)}
li[data-read=false]{border-left-color:var(--_accent);background:var(--_ground)}
h3{font-weight:400;overflow-wrap:anywhere}
li[data-read=false] h3{font-weight:650}
a{color:var(--_accent)}
.body{color:var(--_soft);font-size:.9375rem;overflow-wrap:anywhere;
white-space:pre-line;display:-webkit-box;overflow:hidden;
-webkit-box-orient:vertical;-webkit-line-clamp:4}
.foot{display:flex;align-items:center;justify-content:space-between;
font-size:.8125rem;color:var(--_soft)}
.empty{padding:2rem 1rem;text-align:center;color:var(--_soft)}
.more{display:block;margin:.5rem auto}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%);white-space:nowrap}`;
