// Stands in for an app in tests: ready at once, tells its settings, ends in good order.
import { createServer } from 'node:http';

if (process.env.BROKEN) {
  console.error(`cannot start: ${process.env.BROKEN}`);
  process.exit(1);
}
const server = createServer((request, response) => {
  response.statusCode = request.url === '/ready' || request.url === '/settings' ? 200 : 404;
  response.end(JSON.stringify(process.env));
});
server.listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => process.exit(0));
