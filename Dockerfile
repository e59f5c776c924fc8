# One image for every app: docker build --build-arg APP=clinic-api .
FROM node:24-bookworm-slim AS build
WORKDIR /caregate
COPY package.json package-lock.json .npmrc ./
COPY apps apps
COPY libs libs
COPY tools tools
COPY nx.json tsconfig.base.json jest.config.mjs eslint.config.mjs ./
ENV NX_DAEMON=false
RUN npm ci --no-audit --no-fund
ARG APP
RUN npx nx run @caregate/${APP}:build && npm prune --omit=dev

FROM node:24-bookworm-slim
ARG APP
WORKDIR /caregate
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
# One arena of malloc, whose free pages go back, in place of one for each thread: less memory at no cost (docs/performance.md).
ENV MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=131072
COPY --from=build /caregate/node_modules node_modules
COPY --from=build /caregate/package.json package.json
COPY --from=build /caregate/dist/apps/${APP} dist/apps/${APP}
RUN ln -s dist/apps/${APP} app
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "app/main.js"]
