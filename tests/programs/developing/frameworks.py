"""Frameworks whose development server wants a whole project, each as small as it can be.

What a page shows is made in a browser by most of them; the mark is in a file that they serve as it
is.
"""

from __future__ import annotations

from dataclasses import replace

from tests.programs.developing.asking import session_of
from tests.programs.developing.node_tools import MANIFEST, OLD_MANIFEST, PAGE, quiet, tool

MARK = "[[CONTENT]]\n"

NUXT = {
    **MANIFEST,
    "nuxt.config.ts": "export default { compatibilityDate: '2025-06-01', "
    "devtools: { enabled: false } }\n",
    "app.vue": "<template><p>home</p></template>\n",
    "public/mark.txt": MARK,
}

SVELTE = {
    **MANIFEST,
    "svelte.config.js": "export default {}\n",
    "vite.config.js": "import { sveltekit } from '@sveltejs/kit/vite'\n"
    "export default { plugins: [sveltekit()] }\n",
    "src/app.html": "<html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>\n",
    "src/routes/+page.svelte": "<p>home</p>\n",
    "static/mark.txt": MARK,
}

REACT_ROUTER = {
    "package.json": '{"private": true, "name": "home", "type": "module", "dependencies": '
    '{"@react-router/node": "7", "react-router": "7", "isbot": "5"}}\n',
    "vite.config.js": "import { reactRouter } from '@react-router/dev/vite'\n"
    "export default { plugins: [reactRouter()] }\n",
    "app/routes.ts": "export default []\n",
    "app/root.jsx": "import { Scripts } from 'react-router'\n"
    "export default () => <html><body><Scripts /></body></html>\n",
    "public/mark.txt": MARK,
}

STORYBOOK = {
    **MANIFEST,
    ".storybook/main.js": "export default { framework: '@storybook/html-vite', "
    "stories: ['../stories/*.stories.js'], staticDirs: ['../public'] }\n",
    "stories/home.stories.js": "export default { title: 'home' }\n"
    "export const One = { render: () => '<p>home</p>' }\n",
    "public/mark.txt": MARK,
}

ANGULAR = {
    **OLD_MANIFEST,
    "tsconfig.json": '{"compilerOptions": {"target": "ES2022", "module": "ES2022", '
    '"moduleResolution": "bundler", "experimentalDecorators": true, "skipLibCheck": true}, '
    '"files": ["src/main.ts"]}\n',
    "angular.json": '{"version": 1, "cli": {"analytics": false}, "projects": {"home": {'
    '"projectType": "application", "root": "", "sourceRoot": "src", "architect": {'
    '"build": {"builder": "@angular/build:application", "options": {"browser": "src/main.ts", '
    '"index": "src/index.html", "tsConfig": "tsconfig.json", "outputPath": "dist", '
    '"preserveSymlinks": true, "optimization": false}}, '
    '"serve": {"builder": "@angular/build:dev-server", "options": {"buildTarget": "home:build"}}'
    "}}}}\n",
    "src/index.html": PAGE["index.html"],
    "src/main.ts": "console.log('home')\n",
}

DOCUSAURUS = {
    **OLD_MANIFEST,
    "docusaurus.config.js": "module.exports = { title: 'home', url: 'http://localhost', "
    "baseUrl: '/', presets: [['classic', { docs: false, blog: false }]] }\n",
    "src/pages/index.md": "# Home\n",
    "static/mark.txt": MARK,
}

VUE_CLI = {
    "package.json": '{"private": true, "name": "home", "devDependencies": '
    '{"@vue/cli-service": "5", "vue": "3"}}\n',
    "public/index.html": PAGE["index.html"],
    "src/main.js": "console.log('home')\n",
}

GATSBY = {
    "package.json": '{"private": true, "name": "home", "dependencies": {"gatsby": "5"}}\n',
    "gatsby-config.js": "module.exports = {}\n",
    "src/pages/index.js": "import * as React from 'react'\n"
    "export default function Home() { return <p>home</p> }\n",
    "static/mark.txt": MARK,
}

FIREBASE = {
    **OLD_MANIFEST,
    "firebase.json": '{"hosting": {"public": "public"}, '
    '"emulators": {"hosting": {"port": PORT}, "ui": {"enabled": false}}}\n',
    "public/index.html": PAGE["index.html"],
}

EXPO = {
    "package.json": '{"private": true, "name": "home", "main": "index.js", '
    '"dependencies": {"expo": "56", "react": "19"}}\n',
    "app.json": '{"expo": {"name": "home", "slug": "home", "platforms": ["ios", "android"]}}\n',
    "index.js": "console.log('home')\n",
}

METRO = {
    **OLD_MANIFEST,
    "metro.config.js": "module.exports = { resolver: { useWatchman: false } }\n",
    "index.js": "console.log('home')\n",
}

FRAMEWORKS = (
    quiet(
        tool("Nuxt", "nuxt", "dev", "--port", "PORT",
             files=NUXT, package="nuxt", path="/mark.txt"),
        "NUXT_TELEMETRY_DISABLED=1",
    ),
    tool("SvelteKit", "vite", "dev", "--port", "PORT",
         files=SVELTE, package="@sveltejs/kit", path="/mark.txt"),
    tool("React Router (Remix)", "react-router", "dev", "--port", "PORT",
         files=REACT_ROUTER, package="@react-router/dev", path="/mark.txt"),
    quiet(
        tool("Storybook --ci", "storybook", "dev", "--ci", "-p", "PORT",
             files=STORYBOOK, package="storybook", path="/mark.txt"),
        "STORYBOOK_DISABLE_TELEMETRY=1",
    ),
    quiet(
        tool("Storybook --exact-port", "storybook", "dev", "--ci", "--exact-port", "-p", "PORT",
             files=STORYBOOK, package="storybook", path="/mark.txt"),
        "STORYBOOK_DISABLE_TELEMETRY=1",
    ),
    quiet(
        tool("Angular", "ng", "serve", "--port", "PORT", files=ANGULAR, package="@angular/cli"),
        "NG_CLI_ANALYTICS=false",
    ),
    tool("Docusaurus", "docusaurus", "start", "--no-open", "--port", "PORT",
         files=DOCUSAURUS, package="@docusaurus/core", path="/mark.txt"),
    tool("vue-cli", "vue-cli-service", "serve", "--port", "PORT",
         files=VUE_CLI, package="@vue/cli-service"),
    quiet(
        tool("Gatsby", "gatsby", "develop", "-p", "PORT",
             files=GATSBY, package="gatsby", path="/mark.txt"),
        "GATSBY_TELEMETRY_DISABLED=1",
    ),
    tool("Firebase hosting emulator", "firebase", "emulators:start", "--only", "hosting",
         "--project", "demo-home", files=FIREBASE, package="firebase-tools"),
    quiet(
        replace(
            tool("Expo", "expo", "start", "--offline", "--port", "PORT",
                 files=EXPO, package="expo"),
            ask=session_of,
        ),
        "EXPO_NO_TELEMETRY=1",
    ),
    replace(
        tool("Metro", "metro", "serve", "--port", "PORT", files=METRO, package="metro"),
        ask=session_of,
    ),
)  # fmt: skip
