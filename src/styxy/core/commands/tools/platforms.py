"""Tools around an application: cloud emulators, proxies, sign-in, monitoring, tests, models.

The columns are explained in `table.py`.
"""

ROWS = """
vercel vc now | dev | functions | 3000 | -l --listen -p --port | unknown
netlify ntl | dev functions:serve | functions | 8888 | -p --port | unknown
sam | local+start-api | functions | 3000 | -p --port | unknown
sam | local+start-lambda | functions | 3001 | -p --port | unknown
serverless sls | offline offline+start | functions | 3000 | --httpPort -p --port | unknown
serverless sls | dynamodb+start | database | 8000 | -p --port | unknown
sst | dev start | functions | 13557 | --port | unknown
wrangler wrangler2 | dev pages+dev | functions | 8787 | --port | steps/fails
miniflare | | functions | 8787 | -p --port $PORT | unknown
workerd | serve | functions | 8080 | -s --socket-addr | unknown
functions-framework functions-framework-python functions_framework \
@google-cloud/functions-framework | | functions | 8080 | --port $PORT | unknown
supabase | functions+serve | functions | 54321 | | unknown
supabase | start | auth | 54321 | | unknown
firebase | emulators:start+--only=hosting | dev | 5000 | | unknown
firebase | emulators:start emulators:exec | hub | 4400 | | unknown
firebase | serve | dev | 5000 | -p --port | unknown
gcloud | beta+emulators+firestore+start emulators+firestore+start | database | 8080 | \
--host-port | unknown
gcloud | beta+emulators+datastore+start | database | 8081 | --host-port | unknown
gcloud | beta+emulators+pubsub+start | messaging | 8085 | --host-port | unknown
gcloud | beta+emulators+bigtable+start | database | 8086 | --host-port | unknown
gcloud | emulators+spanner+start beta+emulators+spanner+start | database | 9010 | --host-port | \
unknown
dev_appserver.py dev_appserver | operand | functions | 8080 | --port | unknown
amplify | mock sandbox | functions | 20002 | --port | unknown
fly flyctl | proxy | proxy | - | #1 | unknown
fly flyctl | dashboard | - | - | |
heroku | local | dev | 5006 | -p --port $PORT | unknown
edgio layer0 | dev run | dev | 3000 | --port $PORT | unknown
spin | up watch | functions | 3000 | --listen | unknown
fastly | compute+serve | functions | 7676 | --addr | unknown
viceroy | operand | functions | 7676 | --addr | unknown
fn | start | functions | 8080 | -p --port | unknown
faas-cli | local-run up | functions | 8080 | -p --port | unknown
modal | serve | functions | - | | unknown
lambda-local serverless-offline | | functions | 3000 | -p --port | unknown
arc sandbox @architect/sandbox | sandbox alone | functions | 3333 | -p --port $PORT | unknown
keycloak kc | start-dev start | auth | 8080 | --http-port $KC_HTTP_PORT =http-port | unknown
oauth2-proxy | | auth | 4180 | --http-address -http-address $OAUTH2_PROXY_HTTP_ADDRESS | unknown
dex | serve | auth | 5556 | --web-http-addr | unknown
hydra kratos | serve+all serve | auth | 4444 | $SERVE_PUBLIC_PORT | unknown
authelia authentik zitadel | start start-from-init alone | auth | 9091 | --port | unknown
ory | proxy tunnel | auth | 4000 | --port | unknown
openfga | run | auth | 8080 | --http-addr | unknown
opa | run+-s run+--server | auth | 8181 | -a --addr | unknown
casdoor glauth slapd | | auth | 389 | -h | unknown
mock-oauth2-server oauth2-mock-server oidc-provider-mock | | auth | 8080 | -p --port | unknown
grafana-server | | monitoring | 3000 | $GF_SERVER_HTTP_PORT | unknown
grafana | server | monitoring | 3000 | $GF_SERVER_HTTP_PORT | unknown
prometheus | | monitoring | 9090 | --web.listen-address | fails
alertmanager | | monitoring | 9093 | --web.listen-address | unknown
pushgateway | | monitoring | 9091 | --web.listen-address | unknown
node_exporter | | monitoring | 9100 | --web.listen-address | unknown
blackbox_exporter | | monitoring | 9115 | --web.listen-address | unknown
loki promtail tempo mimir | | monitoring | 3100 | --server.http-listen-port \
-server.http-listen-port | unknown
victoria-metrics victoriametrics | | monitoring | 8428 | -httpListenAddr --httpListenAddr | \
unknown
vmagent | | monitoring | 8429 | -httpListenAddr --httpListenAddr | unknown
jaeger-all-in-one jaeger | | monitoring | 16686 | --query.http-server.host-port | unknown
zipkin | | monitoring | 9411 | $QUERY_PORT | unknown
otelcol otelcol-contrib opentelemetry-collector | | monitoring | 4317 | | unknown
kibana opensearch-dashboards | | monitoring | 5601 | -p --port --server.port | unknown
graphite statsd telegraf | | monitoring | 8125 | | unknown
netdata | | monitoring | 19999 | -p | unknown
uptime-kuma | | monitoring | 3001 | $UPTIME_KUMA_PORT | unknown
glances | -w --webserver | monitoring | 61208 | -p --port | unknown
tensorboard tensorboard.main | !dev | monitoring | 6006 | --port | steps/fails
mlflow | ui server | monitoring | 5000 | -p --port $MLFLOW_PORT | fails
aim | up server | monitoring | 43800 | -p --port | unknown
wandb | server+start local | monitoring | 8080 | -p --port | unknown
celery | flower | monitoring | 5555 | --port | fails
flower | | monitoring | 5555 | --port $FLOWER_PORT | fails
bull-board arena | | monitoring | 3000 | -p --port | unknown
sentry spotlight @spotlightjs/spotlight | run+web alone server | monitoring | 8969 | -p --port | \
unknown
snakeviz pyroscope | operand server | monitoring | 8080 | -p --port | unknown
aspire | run | monitoring | 18888 | | unknown
ngrok | http tcp tls start | proxy | 4040 | | unknown
lt localtunnel cloudflared bore zrok localhost.run | | - | - | |
browser-sync browsersync | | proxy | 3000 | --port | steps
caddy | run start | proxy | 2019 | | unknown
caddy | file-server reverse-proxy | proxy | - | -l --listen --from | unknown
nginx openresty tengine angie | !-t !-T !-s !-v !-V | proxy | 80 | | unknown
apachectl apache2ctl | start restart graceful | proxy | 80 | | unknown
apache2 | -X -DFOREGROUND -D | proxy | 80 | | fails
haproxy | -f !-c | proxy | - | | fails
traefik | !healthcheck | proxy | 80 | --entrypoints.web.address --entryPoints.web.address | \
unknown
envoy | -c --config-path !--mode | proxy | 10000 | | unknown
varnishd | -a -b -f | proxy | 6081 | -a | fails
squid privoxy | -N -f -d alone | proxy | 3128 | | unknown
tinyproxy | -N -f -d alone | proxy | 3128 | | fails
mitmproxy mitmdump | | proxy | 8080 | -p --listen-port | unknown
mitmweb | | proxy | 8081 | --web-port | unknown
anyproxy whistle w2 | start run alone | proxy | 8899 | -p --port | unknown
local-ssl-proxy | | proxy | 9001 | -s --source | unknown
local-cors-proxy lcp | | proxy | 8010 | --port | unknown
cors-anywhere http-proxy-cli | | proxy | 8080 | -p --port $PORT | unknown
hotel chalet | start | proxy | 2000 | | unknown
kong krakend tyk | start run | proxy | 8000 | -p --port | unknown
express-gateway eg | | proxy | 8080 | | unknown
kubectl oc | proxy | proxy | 8001 | -p --port | unknown
kubectl oc k | port-forward | proxy | - | #2 #3 | unknown
minikube | dashboard tunnel | proxy | - | --port | unknown
istioctl linkerd | dashboard viz+dashboard | proxy | - | -p --port | unknown
telepresence | intercept | proxy | 8080 | -p --port | unknown
tilt | up ci | proxy | 10350 | --port | unknown
skaffold | dev | proxy | - | | unknown
argo argocd | server admin+dashboard | proxy | 8080 | -p --port | unknown
ssh autossh | -L !alone | proxy | - | -L ?-O | fails
ssh autossh | -D !alone | proxy | - | -D ?-O | fails
socat | ~TCP-LISTEN ~TCP4-LISTEN ~TCP6-LISTEN ~tcp-listen ~TCP-L ~OPENSSL-LISTEN | proxy | - | \
:listen | unknown
nc ncat netcat nc.openbsd nc.traditional | -l --listen !-U | api | - | -p #1 #2 | unknown
iperf iperf3 | -s --server | test | 5201 | -p --port | unknown
websocat | -s -l ~ws-l:0.0.0.0 | api | - | -s #1 | unknown
wscat | -l --listen | api | - | -l --listen | unknown
websocketd | | api | - | --port | unknown
stunnel | server operand | proxy | 8080 | -p --port | fails
chisel gost frps frpc | server operand | proxy | 8080 | -p --port | unknown
ttyd gotty wetty | | ui | 7681 | -p --port | unknown
cypress | open | test | - | --port -p | unknown
playwright @playwright/test | ~--ui ~--ui-port test+--ui | test | - | --ui-port | unknown
playwright @playwright/test | show-report | test | 9323 | --port | unknown
playwright | run-server launch-server | test | - | --port | unknown
@playwright/mcp | --port | test | - | --port | unknown
vitest | ~--ui | test | 51204 | --api.port --api | unknown
vitest | ~--browser | test | 63315 | --browser.api.port --browser.api --api.port | unknown
karma | start | test | 9876 | --port | unknown
web-test-runner wtr | --watch ~--manual | test | 8000 | --port | unknown
testcafe testem | server alone | test | 7357 | -p --port | unknown
jasmine-browser-runner | serve alone | test | 8888 | --port | unknown
selenium-standalone | start | test | 4444 | --port | unknown
selenium-server | standalone hub node | test | 4444 | -p --port | unknown
chromedriver | | test | 9515 | --port | unknown
geckodriver | | test | 4444 | -p --port | unknown
msedgedriver | | test | 9515 | --port | unknown
safaridriver | | test | - | -p --port | unknown
appium | !driver !plugin !setup | test | 4723 | -p --port | unknown
chromium chromium-browser google-chrome google-chrome-stable chrome | --remote-debugging-port | \
test | - | --remote-debugging-port | unknown
locust | !--headless !--list | test | 8089 | -P --web-port $LOCUST_WEB_PORT | fails
allure | serve open | test | - | -p --port | unknown
lhci | server | test | 9001 | --port -p | unknown
majestic | | test | 4000 | --port | unknown
hardhat | node | test | 8545 | --port | unknown
ganache ganache-cli @ganache/cli | | test | 8545 | -p --port --server.port | unknown
anvil | | test | 8545 | -p --port $ANVIL_PORT | unknown
truffle | develop | test | 9545 | | unknown
solana-test-validator | | test | 8899 | --rpc-port | unknown
surfpool localnet | start | test | 8899 | -p --port | unknown
geth reth bitcoind lnd | --http --dev node -server -regtest ~-daemon | infrastructure | 8545 | \
--http.port -rpcport | unknown
debugpy | --listen | test | 5678 | --listen | fails
gdbserver | operand | test | - | #1 | fails
websockify | operand | ui | - | #1 | unknown
ollama | serve start | ai | 11434 | $OLLAMA_HOST | unknown
chroma | run | ai | 8000 | --port $CHROMA_SERVER_HTTP_PORT | unknown
qdrant | | ai | 6333 | $QDRANT__SERVICE__HTTP_PORT | unknown
weaviate milvus milvus_lite | --scheme run alone | ai | 8080 | --port | unknown
vllm | serve | ai | 8000 | --port | unknown
vllm.entrypoints.openai.api_server vllm.entrypoints.api_server | | ai | 8000 | --port | unknown
sglang | serve | ai | 30000 | --port | unknown
sglang.launch_server | | ai | 30000 | --port | unknown
llama-server llama.cpp-server | | ai | 8080 | --port $LLAMA_ARG_PORT | unknown
llama_cpp.server | | ai | 8000 | --port $PORT | unknown
llamafile | --server | ai | 8080 | --port | unknown
mlx_lm.server mlx_lm | server alone | ai | 8080 | --port | unknown
lms | server+start | ai | 1234 | -p --port | unknown
text-generation-launcher | | ai | 3000 | -p --port $PORT | unknown
text-embeddings-router infinity_emb | | ai | 3000 | -p --port $PORT | unknown
litellm | | ai | 4000 | --port | unknown
tabby | serve | ai | 8080 | --port | unknown
local-ai localai | run alone | ai | 8080 | --address $LOCALAI_ADDRESS | unknown
open-webui | serve | ai | 8080 | --port $PORT | unknown
tritonserver | | ai | 8000 | --http-port | unknown
torchserve | --start | ai | 8080 | | unknown
tensorflow_model_server | | ai | 8501 | --rest_api_port | unknown
bentoml | serve | ai | 3000 | -p --port $BENTOML_PORT | unknown
langgraph | dev up | ai | 2024 | --port | unknown
langflow | run alone | ai | 7860 | --port $LANGFLOW_PORT | unknown
flowise | start | ai | 3000 | $PORT | unknown
xinference xinference-local | | ai | 9997 | -p --port | unknown
fastchat.serve.openai_api_server fastchat.serve.controller fastchat.serve.model_worker | | ai | \
8000 | --port | unknown
comfyui comfy | launch | ai | 8188 | --port | unknown
whisper-server | | ai | 8080 | --port | unknown
rasa | run shell | ai | 5005 | -p --port | unknown
mastra | dev | ai | 4111 | $PORT | unknown
adk | web api_server | ai | 8000 | --port | unknown
promptfoo | view | ai | 15500 | -p --port | unknown
genkit | start ui:start | ai | 4000 | -p --port | unknown
mcp-inspector @modelcontextprotocol/inspector | | ui | 6274 | $CLIENT_PORT | unknown
jupyter | lab+build lab+clean lab+path lab+paths lab+list lab+workspaces lab+licenses \
lab+extension notebook+list notebook+stop server+list server+stop server+extension \
nbclassic+list | - | - | |
jupyter | lab notebook nbclassic server notebook-server voila kernelgateway execute-server | ui \
| 8888 | --port $JUPYTER_PORT =ServerApp.port =NotebookApp.port | steps
jupyter-lab jupyter-notebook jupyter-server jupyter_server jupyterlab notebook | !list !stop \
!build !path !workspaces !clean !extension !labextension !--paths !--config-dir | ui | 8888 | \
--port =ServerApp.port =NotebookApp.port | steps
jupyterhub | | ui | 8000 | --port | unknown
voila | operand alone | ui | 8866 | --port | unknown
streamlit | run hello | ui | 8501 | --server.port $STREAMLIT_SERVER_PORT =server.port | steps/fails
gradio | operand !cc !deploy !environment !sketch | ui | 7860 | --server-port \
$GRADIO_SERVER_PORT | unknown
panel | serve | ui | 5006 | --port | compares
bokeh | serve | ui | 5006 | --port | compares
solara | run | ui | 8765 | --port | unknown
marimo | edit run tutorial new | ui | 2718 | -p --port | unknown
chainlit | run | ui | 8000 | --port $CHAINLIT_PORT | unknown
shiny | run | ui | 8000 | -p --port | unknown
reflex | run | ui | 3000 | --frontend-port | unknown
nicegui | run operand | ui | - | -p --port | fails
mesop flet taipy | run operand | ui | - | -p --port | unknown
label-studio | start alone | ui | 8080 | -p --port $LABEL_STUDIO_PORT | unknown
code-server openvscode-server | !--list-extensions !--install-extension | ui | 8080 | \
--bind-addr --port $PORT | unknown
code | serve-web | ui | 8000 | --port | unknown
rstudio-server | start restart | ui | 8787 | | unknown
x11vnc | | ui | 5900 | -rfbport | fails
Xvnc | | ui | 5900 | -rfbport | unknown
novnc_proxy | | ui | 6080 | --listen | unknown
cockpit-ws portainer rancher | | ui | 9090 | -p --port | unknown
syncthing | serve alone | ui | 8384 | --gui-address | unknown
syncthing | --gui-address | ui | 8384 | --gui-address | unknown
jenkins | | build | 8080 | --httpPort | unknown
buildbot | start | build | 8010 | | unknown
turbo-cache ducktape | | build | 3000 | -p --port $PORT | unknown
livereload livereload-server guard-livereload | | build | 35729 | -p --port | unknown
adb | start-server nodaemon+server fork-server+server | build | 5037 | -P | shared
epmd | | infrastructure | 4369 | -port | shared
bloop | server | build | 8212 | | shared
sccache | --start-server | build | 4226 | $SCCACHE_SERVER_PORT | shared
buildkitd | | build | 1234 | --addr | unknown
styxy | daemon+start daemon+run | coordination | 9876 | --port $STYXY_DAEMON_PORT | unknown
coder | server | coordination | 3000 | --http-address | unknown
"""
