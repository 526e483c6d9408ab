"""Front-end tools: bundlers, frameworks, static servers, documentation, component explorers.

The columns are explained in `table.py`.
"""

ROWS = """
next | build export lint info telemetry upgrade experimental-analyze typegen | - | - | |
next | !build !export !lint | dev | 3000 | -p --port $PORT | steps/fails
next-server next-router-worker next-render-worker | | dev | 3000 | $PORT | steps
vite rolldown-vite | preview | dev | 4173 | --port | steps --strictPort:fails
vite rolldown-vite vp | !build !optimize !preview !lint !test !check !fmt !create !install !add \
!pack | dev | 5173 | --port | steps --strictPort:fails
vite-node | named | dev | - | --port $PORT | unknown
react-scripts craco react-app-rewired | start | dev | 3000 | $PORT | asks
ng @angular/cli | serve s dev | dev | 4200 | --port | asks
nx | serve s | dev | 4200 | --port | unknown
nx | storybook | storybook | 4400 | --port | unknown
vue-cli-service | serve | dev | 8080 | --port $PORT | steps | pages --port
nuxt nuxi | !build !generate !init !prepare !analyze !typecheck !upgrade !add !module !cleanup \
!info !devtools !test | dev | 3000 | -p --port $PORT $NUXT_PORT $NITRO_PORT | steps
nitro nitropack | dev preview | dev | 3000 | -p --port $PORT | unknown
astro | dev preview | dev | 4321 | --port | steps
remix | vite:dev | dev | 5173 | --port | unknown
remix | dev watch | dev | 3000 | -p --port $PORT | unknown
remix-serve react-router-serve | | dev | 3000 | -p --port $PORT | unknown
react-router | dev | dev | 5173 | --port | steps --strictPort:fails
svelte-kit | dev preview | dev | 3000 | -p --port | unknown
solid-start | dev | dev | 3000 | -p --port | unknown
start-server vinxi | dev start | dev | 3000 | -p --port $PORT | unknown
qwik qwik-city | dev preview | dev | 5173 | --port | unknown
waku | dev start | dev | 3000 | -p --port $PORT | unknown
gatsby | develop | dev | 8000 | -p --port $PORT | asks
gatsby | serve | dev | 9000 | -p --port | asks
parcel | !build !watch !help | dev | 1234 | -p --port $PORT | steps/compares
webpack webpack-cli | serve s server | dev | 8080 | --port -p ~$WEBPACK_DEV_SERVER_BASE_PORT | \
steps/fails | pages --port
webpack-dev-server | | dev | 8080 | --port -p ~$WEBPACK_DEV_SERVER_BASE_PORT | steps/fails | \
pages --port
rspack | serve dev s preview | dev | 8080 | --port -p | unknown
rsbuild | dev preview alone | dev | 3000 | --port -p $PORT | steps
rspress | dev preview | docs | 3000 | --port -p $PORT | unknown
modern | dev start serve | dev | 8080 | $PORT | unknown
farm | dev start preview alone | dev | 9000 | -p --port | unknown
umi max | dev | dev | 8000 | --port $PORT | unknown
ice ice.js | start | dev | 3000 | -p --port | unknown
taro | ~--watch | dev | 10086 | --port | unknown
poi | alone --serve -s | dev | 4000 | -p --port | unknown
preact preact-cli | watch serve | dev | 8080 | -p --port $PORT | unknown
snowpack | dev | dev | 8080 | --port | unknown
wmr | start serve alone | dev | 8080 | --port -p $PORT | unknown
stencil | --serve | dev | 3333 | --port | unknown
ember | serve server s | dev | 4200 | -p --port | unknown
meteor | run alone | dev | 3000 | -p --port | unknown
quasar | dev serve | dev | 9000 | -p --port | unknown
ionic | serve s --livereload -l | dev | 8100 | -p --port | unknown
expo expo-cli @expo/cli | start | dev | 8081 | -p --port $RCT_METRO_PORT | unknown | devices --port
expo expo-cli @expo/cli | run:ios run:android | dev | 8081 | -p --port $RCT_METRO_PORT | unknown | \
devices --port
react-native @react-native-community/cli | start run-ios run-android | dev | 8081 | --port \
$RCT_METRO_PORT | unknown | devices --port
metro | serve start | dev | 8081 | -p --port $RCT_METRO_PORT | unknown | devices --port
flutter | run+-d+web-server run+--device-id=web-server | dev | - | --web-port | unknown
flutter | --web-port | dev | - | --web-port | unknown
webdev | serve daemon | dev | 8080 | #last | unknown
elm | reactor | dev | 8000 | --port | unknown
elm-live | | dev | 8000 | -p --port | unknown
elm-spa elm-pages elm-land | server dev | dev | 1234 | -p --port $PORT | unknown
trunk | serve | dev | 8080 | -p --port $TRUNK_SERVE_PORT | unknown
dx dioxus | serve | dev | 8080 | --port | unknown
wasm-pack | --serve | dev | 8080 | --port | unknown
cargo | leptos+watch leptos+serve | dev | 3000 | $LEPTOS_SITE_ADDR | unknown
cargo | shuttle+run tauri+dev lambda+watch | api | - | --port -p | unknown
tauri | dev android+dev ios+dev | dev | 1420 | --port | unknown
electron-vite | dev alone preview | dev | 5173 | --port | unknown
electron-forge | start | dev | 3000 | --port | unknown
wails | dev serve | dev | 34115 | -devserver | unknown
plasmo | dev | dev | 1012 | --serve-port | unknown
wxt | !build !zip !prepare !init !clean !submit | dev | 3000 | -p --port | unknown
shopify | theme+dev | dev | 9292 | --port | unknown
shopify | app+dev hydrogen+dev | dev | 3000 | --port --localhost-port | unknown
lwr | serve dev | dev | 3000 | --port $PORT | unknown
http.server SimpleHTTPServer ComplexHTTPServer RangeHTTPServer | | dev | 8000 | #1 -p | unknown
twistd twist | ~web | dev | 8080 | --port -p --listen | unknown
http-server | | dev | 8080 | -p --port $PORT | unknown
serve | | dev | 3000 | -l --listen -p --port $PORT | fails
live-server | | dev | 8080 | --port $PORT | fails
alive-server five-server | | dev | 8080 | --port -p | unknown
lite-server | | dev | 3000 | --port | unknown
local-web-server ws es-dev-server | | dev | 8000 | -p --port | unknown
wds web-dev-server @web/dev-server | | dev | 8000 | -p --port | unknown
servor | | dev | 8080 | #3 | unknown
sirv sirv-cli | !build | dev | 5000 | -p --port $PORT | unknown
superstatic ecstatic node-static static-server | | dev | 8080 | --port -p | unknown
budo beefy | operand | dev | 9966 | --port -p | unknown
miniserve | | dev | 8080 | -p --port $MINISERVE_PORT | unknown
simple-http-server dufs | | dev | 8000 | -p --port $DUFS_PORT | unknown
static-web-server | | dev | 8787 | -p --port $SERVER_PORT | unknown
basic-http-server | | dev | 4000 | -a --addr | unknown
httpd | -f | dev | 80 | -p | unknown
darkhttpd | operand | dev | 8080 | --port | unknown
webfsd | | dev | 8000 | -p | unknown
devd | operand | dev | 8000 | -p --port | unknown
jwebserver | | dev | 8000 | -p --port | fails
un | -ehttpd ~httpd | dev | 8080 | -p --port | unknown
adsf | | dev | 3000 | -p --port | unknown
gulp | serve server dev start develop browser-sync connect | dev | - | --port $PORT | unknown
grunt | serve server dev connect connect:server | dev | - | --port $PORT | unknown
brunch | watch+--server w+-s ~--server ~-s | dev | 3333 | -P --port | unknown
esbuild | --serve --servedir | build | 8000 | --serve | unknown
microbundle tsup rollup swc | --serve | build | - | --port | unknown
browser-sync | start | proxy | 3000 | --port -p | steps
storybook sb @storybook/cli | dev | storybook | 6006 | -p --port $STORYBOOK_PORT | asks \
--exact-port:compares --ci:steps
start-storybook | | storybook | 6006 | -p --port | asks --ci:steps
styleguidist react-styleguidist vue-styleguidist | server | storybook | 6060 | --port | unknown
ladle | serve dev preview | storybook | 61000 | -p --port | unknown
histoire | dev preview | storybook | 6006 | -p --port | unknown
react-cosmos cosmos | | storybook | 5000 | --port | unknown
docz | dev serve | storybook | 3000 | -p --port | unknown
patternlab fractal | serve start+--sync start | storybook | 3000 | -p --port | unknown
bit | start | storybook | 3000 | -p --port | unknown
docusaurus @docusaurus/core | start serve | docs | 3000 | -p --port $PORT | asks
vuepress | dev serve | docs | 8080 | -p --port | unknown
vitepress | preview serve | docs | 4173 | --port | steps --strictPort:fails
vitepress | !build !init !preview !serve | docs | 5173 | --port | steps --strictPort:fails
eleventy @11ty/eleventy | --serve | docs | 8080 | --port | steps
hexo | server s | docs | 4000 | -p --port | unknown
gitbook honkit | serve | docs | 4000 | --port | unknown
docsify docsify-cli | serve start | docs | 3000 | -p --port | unknown
docute | | docs | 8080 | -p --port | unknown
mintlify mint | dev | docs | 3000 | -p --port | unknown
slidev @slidev/cli | !build !export !format !theme | docs | 3030 | -p --port | unknown
reveal-md | operand | docs | 1948 | --port | unknown
marp marp-cli @marp-team/marp-cli | -s --server | docs | 8080 | $PORT | unknown
mdbook | serve | docs | 3000 | -p --port | unknown
zola | serve | docs | 1111 | -p --port | unknown
hugo | server serve | docs | 1313 | -p --port | unknown
jekyll | serve server s | docs | 4000 | -P --port | fails
middleman | server alone | docs | 4567 | -p --port $MM_PORT | unknown
bridgetown | start s dev | docs | 4000 | -P --port | unknown
nanoc | live view | docs | 3000 | -p --port | unknown
lektor | server | docs | 5000 | -p --port | unknown
pelican | -l --listen | docs | 8000 | -p --port | unknown
nikola | auto serve | docs | 8000 | -p --port | unknown
mkdocs | serve | docs | 8000 | -a --dev-addr | fails
zensical properdocs | serve | docs | 8000 | -a --dev-addr | unknown
sphinx-autobuild | operand | docs | 8000 | --port | fails
pydoc pydoc3 | -p -b | docs | - | -p | unknown
pdoc | !-o !--output-directory !--html | docs | 8080 | -p --port --http | unknown
pdoc3 | --http | docs | 8080 | --http | unknown
jupyter-book jb myst | start serve | docs | 3000 | --port | unknown
quarto | preview | docs | - | --port | unknown
godoc pkgsite | | docs | 6060 | -http | unknown
grip | operand alone | docs | 6419 | #2 #1 | unknown
redocly @redocly/cli | preview preview-docs | docs | 8080 | -p --port | unknown
redoc-cli | serve | docs | 8080 | -p --port | unknown
swagger-ui-watcher swagger | serve | docs | 8000 | -p --port | unknown
yard | server | docs | 8808 | -p --port | unknown
ri | --server | docs | 8214 | --server | unknown
gollum | | docs | 4567 | -p --port | unknown
typedoc compodoc @compodoc/compodoc | -s --serve | docs | 8080 | -r --port -p | unknown
"""
