"""The table of container images: what they serve, and on which port inside."""

from __future__ import annotations

from functools import cache

_ROWS = """
postgres postgresql postgis timescaledb pgvector supabase-postgres spilo | database | 5432
mysql mariadb percona mysql-server | database | 3306
mongo mongodb mongodb-community-server | database | 27017
couchdb | database | 5984
influxdb | database | 8086
neo4j | database | 7687
cassandra scylla | database | 9042
cockroach | database | 26257
clickhouse-server clickhouse | database | 8123
elasticsearch opensearch | database | 9200
solr | database | 8983
mssql azure-sql-edge | database | 1433
surrealdb dynamodb-local | database | 8000
meilisearch | database | 7700
typesense | database | 8108
arangodb | database | 8529
rethinkdb | database | 28015
redis valkey keydb redis-stack redis-stack-server dragonfly | infrastructure | 6379
memcached | infrastructure | 11211
etcd | infrastructure | 2379
consul | infrastructure | 8500
vault | infrastructure | 8200
zookeeper cp-zookeeper | infrastructure | 2181
minio | infrastructure | 9000
localstack localstack-pro | infrastructure | 4566
mailhog mailpit | infrastructure | 8025
maildev | infrastructure | 1080
azurite | infrastructure | 10000
registry | infrastructure | 5000
kafka cp-kafka redpanda | messaging | 9092
rabbitmq | messaging | 5672
nats | messaging | 4222
eclipse-mosquitto mosquitto emqx | messaging | 1883
pulsar | messaging | 6650
activemq artemis | messaging | 61616
keycloak zitadel | auth | 8080
oauth2-proxy | auth | 4180
dex | auth | 5556
gotrue | auth | 9999
authelia | auth | 9091
grafana grafana-oss otel-lgtm | monitoring | 3000
prometheus | monitoring | 9090
alertmanager | monitoring | 9093
loki | monitoring | 3100
tempo | monitoring | 3200
all-in-one jaeger | monitoring | 16686
zipkin | monitoring | 9411
kibana | monitoring | 5601
uptime-kuma | monitoring | 3001
traefik haproxy varnish | proxy | 80
envoy | proxy | 10000
toxiproxy | proxy | 8474
kong | proxy | 8000
ollama | ai | 11434
chroma vllm-openai | ai | 8000
qdrant | ai | 6333
weaviate open-webui localai | ai | 8080
text-generation-inference | ai | 80
litellm | ai | 4000
pgadmin pgadmin4 phpmyadmin | ui | 80
adminer code-server | ui | 8080
mongo-express redis-commander | ui | 8081
redisinsight | ui | 5540
portainer-ce | ui | 9000
metabase | ui | 3000
base-notebook scipy-notebook jupyter | ui | 8888
swagger-ui | docs | 8080
mkdocs-material | docs | 8000
standalone-chrome standalone-chromium standalone-firefox selenium hub | test | 4444
"""

_BESIDE = frozenset(
    ("exporter", "backup", "client", "operator", "init", "seed", "tools", "express", "commander")
)
"""Words that mean that an image is not the store in its name: `postgres-exporter`."""


def known_image(image: str) -> tuple[str, int | None]:
    """Return the service type and port of an image; an unknown one is `api`."""
    path = image.partition("@")[0]
    name = path.rpartition("/")[2].partition(":")[0]
    if name == "server" and "mssql" in path:  # mcr.microsoft.com/mssql/server
        name = "mssql"
    pieces = name.split("-")
    while pieces and not set(pieces) & _BESIDE:
        if found := _images().get("-".join(pieces)):
            return found
        pieces.pop()
    return _images().get(name, ("api", None))


@cache
def _images() -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for line in _ROWS.strip().splitlines():
        names, kind, port = (cell.strip() for cell in line.split("|"))
        found |= dict.fromkeys(names.split(), (kind, int(port)))
    return found
