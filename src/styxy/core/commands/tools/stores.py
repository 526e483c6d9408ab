"""Databases, caches, brokers and other stores of data, with their consoles.

The columns are explained in `table.py`.
"""

ROWS = """
mongod | !--shutdown | database | 27017 | --port | unknown
mongos | | database | 27017 | --port | unknown
postgres postmaster | !-C !--describe-config !--single !--boot | database | 5432 | -p --port \
$PGPORT =port | unknown
pg_ctlcluster | ~start ~restart | database | 5432 | $PGPORT | unknown
pg_ctl | start restart | database | 5432 | @-o @--options $PGPORT | unknown
pg_virtualenv pg_tmp | | database | - | -p | unknown
pgbouncer pgcat odyssey | operand | database | 6432 | | unknown
mysqld mysqld_safe mariadbd mariadbd-safe mysqld_multi | !--initialize !--initialize-insecure \
!--validate-config !--verbose | database | 3306 | -P --port | fails
mysql.server | start restart | database | 3306 | | unknown
couchdb | | database | 5984 | | unknown
influxd influxdb3 influxdb | !backup !restore !inspect !upgrade !print-config !query !create | \
database | 8086 | --http-bind-address --http-bind $INFLUXD_HTTP_BIND_ADDRESS | unknown
cockroach | start start-single-node demo | database | 26257 | --listen-addr --sql-addr --port | \
unknown
clickhouse-server | | database | 9000 | --tcp_port =tcp_port | unknown
clickhouse | server | database | 9000 | --tcp_port | unknown
cassandra scylla | | database | 9042 | --native-transport-port | unknown
neo4j | start console restart | database | 7687 | $NEO4J_server_bolt_listen__address | unknown
arangod | | database | 8529 | --server.endpoint | unknown
rethinkdb | alone serve --http-port --bind -d | database | 28015 | --driver-port | unknown
orientdb dgraph | alpha | database | 8080 | --http | unknown
surreal | start | database | 8000 | -b --bind $SURREAL_BIND | unknown
edgedb-server gel-server | | database | 5656 | -P --port | unknown
tarantool tt | start | database | 3301 | | unknown
crate | | database | 4200 | =http.port | unknown
questdb questdb.sh | start | database | 9000 | | unknown
tidb-server | | database | 4000 | -P | unknown
tiup | playground | database | 4000 | --db.port | unknown
yugabyted yb-tserver | start | database | 5433 | | unknown
ferretdb | | database | 27017 | --listen-addr $FERRETDB_LISTEN_ADDR | unknown
sqld turso | dev alone --http-listen-addr | database | 8080 | -p --port --http-listen-addr | \
unknown
dolt | sql-server | database | 3306 | -P --port | unknown
duckdb | -ui | database | 4213 | | unknown
rqlited | | database | 4001 | -http-addr | unknown
dynamodb-local dynalite | | database | 8000 | -port --port | unknown
firestore-emulator | | database | 8080 | --host-port | unknown
elasticsearch opensearch | | database | 9200 | =http.port | unknown
elasticsearch-docker | | database | 9200 | =http.port | unknown
solr | start restart | database | 8983 | -p | unknown
meilisearch | | database | 7700 | --http-addr $MEILI_HTTP_ADDR | unknown
typesense-server | | database | 8108 | --api-port | unknown
sonic manticore searchd | | database | 9306 | -p | unknown
zincsearch zinc | | database | 4080 | $ZINC_SERVER_PORT | unknown
immudb | | database | 3322 | -p --port | unknown
rethinkdb-proxy | | database | 28015 | --driver-port | unknown
datasette | operand serve !install !uninstall !inspect !package !plugins !publish | ui | 8001 | \
-p --port | fails
sqlite_web sqlite-web | operand | ui | 8080 | -p --port | unknown
pgweb | | ui | 8081 | --listen | unknown
pgadmin4 | | ui | 5050 | | unknown
adminer | | ui | 8080 | | unknown
mongo-express | | ui | 8081 | -p --port $PORT $VCAP_APP_PORT | unknown
redis-commander | | ui | 8081 | -p --port $PORT | unknown
prisma | studio | ui | 5555 | -p --port | unknown
prisma | dev | database | 51213 | -p --port --db-port | unknown
drizzle-kit | studio | ui | 4983 | --port | unknown
evidence | dev | ui | 3000 | --port | unknown
redis-server keydb-server valkey-server dragonfly kvrocks garnet-server redis-stack-server \
redict-server | !--test-memory | infrastructure | 6379 | --port -p $REDIS_PORT | unknown
redis-sentinel | | infrastructure | 26379 | --port | unknown
memcached | | infrastructure | 11211 | -p --port --tcp-port | unknown
etcd | !gateway !grpc-proxy | infrastructure | 2379 | --listen-client-urls -listen-client-urls \
$ETCD_LISTEN_CLIENT_URLS | fails
consul | agent | infrastructure | 8500 | -http-port --http-port | unknown
vault bao | server | infrastructure | 8200 | -dev-listen-address | unknown
nomad | agent | infrastructure | 4646 | | unknown
zookeeper-server-start zkServer zkServer.sh | operand alone start start-foreground | \
infrastructure | 2181 | | unknown
minio | server gateway | infrastructure | 9000 | --address $MINIO_ADDRESS | unknown
seaweedfs weed | server master volume filer s3 mini | infrastructure | 9333 | -master.port -port \
| unknown
garage rustfs | server | infrastructure | 3900 | --address | unknown
s3rver s3proxy | | infrastructure | 4568 | -p --port | unknown
moto_server moto | | infrastructure | 5000 | -p --port $MOTO_PORT | unknown
localstack | start | infrastructure | 4566 | $GATEWAY_LISTEN $EDGE_PORT | unknown
azurite | | infrastructure | 10000 | --blobPort | unknown
fake-gcs-server | | infrastructure | 4443 | -port --port | unknown
toxiproxy-server | | infrastructure | 8474 | -port --port | unknown
mailhog MailHog | | infrastructure | 8025 | -ui-bind-addr -api-bind-addr | unknown
mailpit | | infrastructure | 8025 | -l --listen $MP_UI_BIND_ADDR | unknown
maildev | | infrastructure | 1080 | -w --web $MAILDEV_WEB_PORT | unknown
mailcatcher | | infrastructure | 1080 | --http-port | unknown
smtpd aiosmtpd | -n -l | infrastructure | 8025 | -l #1 | unknown
inbucket smtp4dev | | infrastructure | 5000 | --urls | unknown
greenmail | | infrastructure | 3025 | | unknown
dnsmasq | | infrastructure | 53 | -p --port -dns.port | fails
coredns | | infrastructure | 53 | -p --port -dns.port | unknown
registry | serve | infrastructure | 5000 | | unknown
verdaccio | | infrastructure | 4873 | -l --listen $VERDACCIO_PORT | unknown
devpi-server | !--init | infrastructure | 3141 | --port | unknown
pypi-server | run | infrastructure | 8080 | -p --port | unknown
pypiserver | | infrastructure | 8080 | -p --port | unknown
gem | server | infrastructure | 8808 | -p --port | unknown
athens gitea forgejo | web | infrastructure | 3000 | -p --port | unknown
git | daemon | infrastructure | 9418 | --port | unknown
git | instaweb+--start instaweb | infrastructure | 1234 | -p --port | unknown
hg | serve | infrastructure | 8000 | -p --port | unknown
svnserve | -d --daemon -X --foreground | infrastructure | 3690 | --listen-port | unknown
soft | serve | infrastructure | 23231 | $SOFT_SERVE_SSH_LISTEN_ADDR | unknown
rsync | --daemon | infrastructure | 873 | --port | fails
ipfs | daemon | infrastructure | 5001 | | unknown
temporal | server+start-dev | infrastructure | 7233 | -p --port | unknown
temporalite | start | infrastructure | 7233 | -p --port | unknown
inngest inngest-cli | dev start | infrastructure | 8288 | -p --port | unknown
trigger.dev | dev | functions | 3030 | -p --port | unknown
zeebe camunda | start | infrastructure | 8080 | | unknown
dapr | run | infrastructure | 3500 | -H --dapr-http-port | unknown
prefect | server+start orion+start | ui | 4200 | --port $PREFECT_SERVER_API_PORT | fails
dagster | dev | ui | 3000 | -p --port $DAGSTER_WEBSERVER_PORT | unknown
dagit dagster-webserver | | ui | 3000 | -p --port | unknown
airflow | webserver standalone api-server | ui | 8080 | -p --port | unknown
luigid | | ui | 8082 | --port | unknown
mage mage-ai | start | ui | 6789 | --port | unknown
kedro | viz+run viz | ui | 4141 | --port | unknown
superset | run | ui | 5000 | -p --port | unknown
metabase | | ui | 3000 | $MB_JETTY_PORT | unknown
dbt | docs+serve | docs | 8080 | --port | unknown
hdfs yarn-cluster start-dfs.sh start-all.sh | namenode | infrastructure | 9870 | | unknown
spark-class start-master start-thriftserver | | infrastructure | 7077 | -p --port | unknown
dask-scheduler dask | scheduler | infrastructure | 8786 | --port | unknown
ray | start+--head | infrastructure | 6379 | --port | unknown
rabbitmq-server rabbitmq | | messaging | 5672 | $RABBITMQ_NODE_PORT | unknown
kafka-server-start | operand | messaging | 9092 | =port | unknown
connect-distributed connect-standalone | operand | messaging | 8083 | | unknown
schema-registry-start | operand | messaging | 8081 | | unknown
redpanda | start | messaging | 9092 | --kafka-addr | unknown
rpk | redpanda+start container+start | messaging | 9092 | --kafka-ports | unknown
nats-server gnatsd | !-sl !--signal | messaging | 4222 | -p --port $NATS_PORT | fails
nats-streaming-server | | messaging | 4222 | -p --port | unknown
mosquitto | alone operand -v -c -p -d --verbose --daemon | messaging | 1883 | -p --port | fails
emqx | start foreground console | messaging | 1883 | | unknown
hivemq vernemq | start alone | messaging | 1883 | | unknown
aedes aedes-cli mosca | | messaging | 1883 | --port | unknown
activemq artemis | start run console | messaging | 61616 | | unknown
pulsar | standalone broker | messaging | 6650 | | unknown
nsqd | | messaging | 4150 | -tcp-address --tcp-address | unknown
nsqlookupd | | messaging | 4160 | -tcp-address --tcp-address | unknown
nsqadmin | | messaging | 4171 | -http-address --http-address | unknown
beanstalkd | | messaging | 11300 | -p | unknown
gearmand faktory | | messaging | 7419 | -b -p | unknown
elasticmq softwaremq goaws | | messaging | 9324 | | unknown
centrifugo | | messaging | 8000 | -p --port | unknown
soketi | start | messaging | 6001 | --port $SOKETI_PORT | unknown
mercure | run | messaging | 80 | $SERVER_NAME | unknown
"""
