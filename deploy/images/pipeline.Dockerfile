# All stages, the API and the console: one image, the command says which stage. `./norn images build` makes the context.
# Any base with glibc and libstdc++ will do; nothing is run in it to build.
ARG BASE=gcr.io/distroless/cc-debian12
FROM ${BASE}
COPY node /usr/local/bin/node
COPY norn /norn
ENV NODE_ENV=production \
    NORN_CODE_CACHE=/norn/code \
    NORN_CONSOLE_DIR=/norn/console \
    NORN_HOST=0.0.0.0 \
    NORN_SECRETS_DIR=/run/secrets
USER 10001:10001
WORKDIR /norn
EXPOSE 7400 7401 7407 7408
ENTRYPOINT ["/usr/local/bin/node", "--disable-warning=TimeoutNegativeWarning", "--disable-sigusr1", "--external-memory-accounted-in-global-limit", "--import", "/norn/deploy/runtime/register.mjs"]
CMD ["/norn/services/api/src/main.ts"]
