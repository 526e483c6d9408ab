"""Back-end tools: frameworks, application servers, interpreters, build-and-run commands.

The columns are explained in `table.py`.
"""

ROWS = """
uvicorn | operand --factory --fd | api | 8000 | --port $UVICORN_PORT ?--uds ?--fd | unknown
fastapi | dev run | api | 8000 | --port $PORT | fails
gunicorn | !--check-config !--print-config | api | 8000 | -b --bind $PORT ?unix | unknown
hypercorn | operand | api | 8000 | -b --bind ?unix | fails
granian | operand | api | 8000 | --port $GRANIAN_PORT ?--uds | fails
daphne | operand | api | 8000 | -p --port ?-u | fails
uwsgi | | api | - | --http --http-socket --socket -s =http =http-socket | fails
waitress-serve waitress | | api | 8080 | --port --listen ?--unix-socket | fails
meinheld | | api | 8000 | -b --bind | unknown
robyn robyn.cli | operand | api | 8080 | --port $ROBYN_PORT | unknown
sanic | operand | api | 8000 | -p --port $SANIC_PORT ?--unix | fails
litestar | run | api | 8000 | -p --port $LITESTAR_PORT | unknown
starlite | run | api | 8000 | -p --port | unknown
quart | run | api | 5000 | -p --port | unknown
flask | run | api | 5000 | -p --port $FLASK_RUN_PORT | unknown
blacksheep esmerald lilya ravyn | runserver | api | 8000 | -p --port | unknown
hug | -f | api | 8000 | -p --port | unknown
chalice | local | functions | 8000 | --port | unknown
connexion | run | api | 8080 | -p --port | unknown
adev | runserver | api | 8000 | -p --port | unknown
manage.py django-admin django manage | runserver runserver_plus devserver testserver | api | \
8000 | #1 --addrport $DJANGO_RUNSERVER_PORT | unknown
pserve | operand | api | 6543 | =http_port | unknown
bottle bottle.py | operand | api | 8080 | -b --bind | fails
web2py.py | | api | 8000 | -p --port | unknown
wsgiref.simple_server aiohttp.web | | api | 8000 | -P --port | unknown
werkzeug | | api | 5000 | -b --bind | unknown
rq-dashboard | | monitoring | 9181 | -p --port | unknown
spring | rails+server rails+s | api | 3000 | -p --port $PORT | unknown
rails | server s | api | 3000 | -p --port $PORT | unknown
bin/dev script/server | | dev | 3000 | -p $PORT | unknown
puma pumactl | !stop !restart !status !halt | api | 9292 | -p --port -b --bind $PORT ?unix | fails
rackup | | api | 9292 | -p --port $PORT | unknown
thin | start alone | api | 3000 | -p --port | unknown
unicorn unicorn_rails | | api | 8080 | -p --port -l --listen ?unix | unknown
falcon | serve host virtual alone | api | 9292 | -b --bind -p --port | unknown
passenger | start | api | 3000 | -p --port | unknown
shotgun | operand | api | 9393 | -p --port | unknown
hanami | server dev | api | 2300 | -p --port $HANAMI_PORT | unknown
iodine | | api | 3000 | -p --port $PORT | unknown
php frankenphp | -S | api | - | -S | unknown
frankenphp | php-server run | api | 80 | -l --listen | unknown
artisan | serve octane:start octane:frankenphp octane:swoole octane:roadrunner | api | 8000 | \
--port $SERVER_PORT $PORT | unknown
artisan | reverb:start websockets:serve | api | 8080 | --port $REVERB_SERVER_PORT | unknown
sail | up | api | 80 | $APP_PORT | unknown
symfony | serve server:start local:server:start | api | 8000 | --port | unknown
console | server:run server:start | api | 8000 | #1 -p --port | unknown
spark | serve | api | 8080 | --port | unknown
cake bake | server | api | 8765 | -p --port | unknown
yii | serve | api | 8080 | --port -p | unknown
think | run | api | 8000 | -p --port | unknown
wp | server | api | 8080 | --port | unknown
drush | serve rs runserver | api | 8888 | #1 | unknown
drupal | server | api | 8088 | #1 | unknown
rr roadrunner | serve | api | 8080 | | unknown
wp-env | start | api | 8888 | $WP_ENV_PORT | unknown
wp-now | start | api | 8881 | --port | unknown
wp-playground-cli @wp-playground/cli | server | api | 9400 | --port | unknown
nest @nestjs/cli | start | api | 3000 | $PORT | fails
json-server | | api | 3333 | -p --port | fails
json-server-auth json-graphql-server | operand | api | 3000 | -p --p --port | unknown
mockoon-cli @mockoon/cli | start | api | 3000 | -p --port | unknown
prism @stoplight/prism-cli | mock proxy | api | 4010 | -p --port | unknown
mockserver smocker | | api | 1080 | -serverPort --port | unknown
wiremock wiremock-standalone | | api | 8080 | --port | unknown
mountebank mb | start restart alone !stop !save | api | 2525 | --port | unknown
strapi @strapi/strapi | develop start dev | api | 1337 | $PORT | unknown
sanity | start dev preview alone | api | 3333 | --port | unknown
keystone @keystone-6/core keystone-next | dev start | api | 3000 | --port $PORT | unknown
directus | start | api | 8055 | $PORT | unknown
ghost | start run | api | 2368 | --port $server__port | unknown
medusa @medusajs/cli | develop start dev | api | 9000 | -p --port $PORT | unknown
vendure | dev start | api | 3000 | $PORT | unknown
n8n | start alone worker webhook | api | 5678 | $N8N_PORT | unknown
node-red | | api | 1880 | -p --port $PORT | unknown
sails | lift console | api | 1337 | --port $PORT | unknown
adonis ace | serve | api | 3333 | $PORT | unknown
fastify fastify-cli | start | api | 3000 | -p --port $FASTIFY_PORT $PORT | fails
micro micro-dev | | api | 3000 | -p --port -l --listen $PORT | unknown
moleculer moleculer-runner | | api | 3000 | $PORT | unknown
encore | run | api | 4000 | -p --port | unknown
redwood rw cedar | dev serve | dev | 8910 | -p --port | unknown
blitz | dev start | dev | 3000 | -p --port $PORT | unknown
wasp | start | dev | 3000 | $PORT | unknown
convex | dev | functions | 3210 | --local-cloud-port | unknown
pocketbase | serve | api | 8090 | --http | unknown
graphql-faker | operand alone | api | 9002 | -p --port | unknown
hasura | console | api | 9695 | --console-port | unknown
graphql-engine | serve | api | 8080 | --server-port $HASURA_GRAPHQL_SERVER_PORT | unknown
postgraphile | | api | 5000 | -p --port | unknown
postgrest | operand | api | 3000 | $PGRST_SERVER_PORT | unknown
rover | dev | api | 4000 | -p --supergraph-port | unknown
mesh graphql-mesh | dev start | api | 4000 | --port $PORT | unknown
hive-gateway | supergraph proxy subgraph | api | 4000 | -p --port $PORT | unknown
deployctl | run | functions | 8000 | --addr | unknown
mix | ~phx.server ~phoenix.server | api | 4000 | $PORT | unknown
lein | ring+server ring+server-headless run figwheel | api | 3000 | #1 $PORT | unknown
clj clojure bb | ~-M:dev ~-M:run ~-X:run ~-M:server ~-A:dev | api | - | $PORT | unknown
shadow-cljs | watch server start | dev | 9630 | | unknown
sbt mill | ~run ~~run ~runServer | api | 9000 | =http.port | unknown
dotnet | run watch | api | 5000 | --urls $ASPNETCORE_URLS $DOTNET_URLS $ASPNETCORE_HTTP_PORTS \
=urls | unknown
func | start host+start | functions | 7071 | -p --port | unknown
swa | start | functions | 4280 | -p --port | unknown
abp | run | api | - | | unknown
mvn mvnw mvnd | ~spring-boot:run ~spring-boot:start ~micronaut:run ~mn:run ~wildfly:run \
~liberty:dev ~liberty:run ~tomcat7:run ~jetty:run ~jetty:start ~quarkus:dev ~payara-micro:start \
~helidon:dev ~cargo:run ~tomee:run | api | 8080 | =server.port =jetty.http.port =jetty.port \
=quarkus.http.port =maven.tomcat.port @-Dspring-boot.run.arguments \
@-Dspring-boot.run.jvmArguments $SERVER_PORT $QUARKUS_HTTP_PORT | unknown
gradle gradlew | ~bootRun ~bootTestRun ~appRun ~appStart ~jettyRun ~tomcatRun ~quarkusDev \
~runWar ~farmRun ~jettyStart | api | 8080 | =server.port =quarkus.http.port @--args $SERVER_PORT \
$QUARKUS_HTTP_PORT | unknown
gradle gradlew | ~run ~runDev ~runServer | api | - | =server.port =ktor.deployment.port @--args \
$PORT $SERVER_PORT | unknown
quarkus | dev | api | 8080 | =quarkus.http.port @-D $QUARKUS_HTTP_PORT | unknown
spring | run | api | 8080 | =server.port | unknown
mn | run | api | 8080 | $MICRONAUT_SERVER_PORT | unknown
jbang | named | api | - | =server.port | unknown
grails | run-app | api | 8080 | -port =server.port | unknown
play activator | run | api | 9000 | #1 =http.port | unknown
catalina | run start | api | 8080 | | unknown
standalone | | api | 8080 | =jboss.http.port | unknown
asadmin | start-domain | api | 8080 | | unknown
jetty | run start | api | 8080 | =jetty.http.port | unknown
go gow | run | api | - | --port -port -p --addr -addr --http -http --listen -listen --bind $PORT \
$ADDR | unknown
air | !init | api | - | $PORT | unknown
buffalo | dev | api | 3000 | $PORT | unknown
bee | run | api | 8080 | | unknown
beego revel | run | api | 9000 | | unknown
templ | ~--proxy | api | 7331 | --proxyport | unknown
dlv | debug exec test attach --headless | test | - | -l --listen | unknown
cargo | run r | api | - | --port -p --addr --bind --listen $PORT $ROCKET_PORT | unknown
swift | run | api | 8080 | -p --port --bind -b $PORT | unknown
vapor | run serve | api | 8080 | -p --port --bind | unknown
stack cabal | run exec | api | - | $PORT --port | unknown
yesod | devel | api | 3000 | -p --port | unknown
crystal | run | api | 3000 | -p --port | unknown
lucky | dev watch | dev | 3000 | $PORT | unknown
amber | watch | dev | 3000 | $PORT | unknown
gleam | run | api | - | $PORT | unknown
rebar3 | shell | api | - | | unknown
dart | run+bin/server.dart | api | 8080 | --port -p $PORT | unknown
dart_frog | dev | api | 8080 | -p --port $PORT | unknown
serverpod | start | api | 8080 | | unknown
morbo | operand | api | 3000 | -l --listen | fails
hypnotoad | operand | api | 8080 | | unknown
plackup starman | | api | 5000 | -p --port -l --listen | fails
twiggy starlet | | api | 5000 | -p --port -l --listen | unknown
perl | ~daemon | api | 3000 | -l --listen | unknown
lapis | server | api | 8080 | | unknown
nimble | run | api | 5000 | | unknown
v | watch+run | api | - | | unknown
plumber | | api | - | | unknown
thttpd lighttpd | | api | 80 | -p | unknown
deno | serve | api | 8000 | --port | fails
deno | run+named run+--allow-net run+-A run+-N run+--allow-all --allow-net -A -N --allow-all \
!test !bench !fmt !lint !check !cache !compile !info !task !eval !doc !install !publish \
!coverage !jupyter | dev | 8000 | --port -p --http-port $PORT | fails
<program> | named | api | - | --port -port -p --addr -addr --listen $PORT | unknown
<node> | named | dev | - | --port -p $PORT | fails
<python> | named --port | api | - | --port -p $PORT | unknown
<ruby> | named | api | - | --port -p $PORT | unknown
<perl> | named | api | - | --port -p -l --listen $PORT | unknown
<php> | named | api | - | --port -p $PORT | unknown
<java> | named ~--server.port | api | - | --port =server.port $SERVER_PORT $PORT | unknown
"""
