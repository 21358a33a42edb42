# Kafka, ClickHouse and PostgreSQL for a trial: one image, the command says which. In production each is a cluster of its own.
# The base has a JRE (17 or later), a shell, and util-linux for flock and setpriv.
ARG BASE=norn/base:bookworm-java
FROM ${BASE}
COPY node /usr/local/bin/node
COPY norn /norn
COPY toolchain /norn/toolchain
ENV NODE_ENV=production \
    NORN_CODE_CACHE=/norn/code \
    NORN_HOME=/data \
    NORN_SECRETS_DIR=/run/secrets \
    NORN_TOOLCHAIN=/norn/toolchain
# PostgreSQL asks for its user's name. The broker is started and stopped once: the archive of its classes goes with this JRE.
RUN echo 'norn:x:10001:10001::/data:/usr/sbin/nologin' >>/etc/passwd && echo 'norn:x:10001:' >>/etc/group \
    && install -d -o 10001 -g 10001 /data \
    && node --import /norn/deploy/runtime/register.mjs /norn/libs/embedded/src/provide.main.ts \
    && chmod -R a+rX /norn/toolchain/kafka-*
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 5432 8443 9093
ENTRYPOINT ["/usr/local/bin/node", "--disable-sigusr1", "--import", "/norn/deploy/runtime/register.mjs", "/norn/libs/embedded/src/store.main.ts"]
CMD ["kafka"]
