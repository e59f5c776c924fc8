# One image for every app: docker build --build-arg APP=clinic-api .

# The manifests alone: the layer of packages below is made anew when they change, and not with every change of a source.
FROM node:24-bookworm-slim AS manifests
WORKDIR /caregate
COPY package.json package-lock.json .npmrc ./
COPY apps apps
COPY libs libs
COPY tools tools
RUN find apps libs tools -type f ! -name package.json -delete

FROM node:24-bookworm-slim AS build
WORKDIR /caregate
COPY --from=manifests /caregate ./
RUN npm ci --no-audit --no-fund
COPY nx.json tsconfig.base.json jest.config.mjs eslint.config.mjs ./
COPY apps apps
COPY libs libs
COPY tools tools
ENV NX_DAEMON=false
ARG APP
RUN npx nx run @caregate/${APP}:build && node tools/build/assemble-app.mjs ${APP} /image

FROM node:24-bookworm-slim
WORKDIR /caregate
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
# One arena of malloc, whose free pages go back, in place of one for each thread: less memory at no cost (docs/performance.md).
ENV MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=131072
COPY --from=build /image ./
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "main.js"]
