// The bare reference of the load bench: node:http and the MongoDB driver doing just the read or write of each scenario, with no validation,
// access check, audit, counts or search index. What it serves a second is what the machine could do.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { MongoClient, ObjectId } from 'mongodb';

const { MONGODB_URI = '', DATABASE = 'bare', PORT = '0' } = process.env;
const client = await MongoClient.connect(MONGODB_URI, { writeConcern: { w: 'majority', journal: true } });
const clinics = client.db(DATABASE).collection('clinics');
const patients = client.db(DATABASE).collection('patients');
await patients.createIndex({ clinicId: 1, fullName: 1 });
await patients.createIndex({ clinicId: 1, userId: 1 });

type Body = Record<string, unknown>;
interface Request {
  readonly clinicId: ObjectId;
  readonly part: string | undefined;
  readonly id: string | undefined;
  readonly query: URLSearchParams;
  readonly body: Body;
}

const ROUTES: Readonly<Record<string, (request: Request) => Promise<unknown>>> = {
  POST: async ({ body }) => ({ id: String((await clinics.insertOne({ ...body })).insertedId) }),
  GET: ({ clinicId }) => clinics.findOne({ _id: clinicId }),
  PUT: ({ clinicId, body }) => clinics.updateOne({ _id: clinicId }, { $set: body }),
  'POST tier': ({ clinicId, body }) => clinics.updateOne({ _id: clinicId }, { $set: body }),
  'POST patient_tags': async ({ clinicId, body }) => {
    const tag = { id: new ObjectId(), ...body };
    await clinics.updateOne({ _id: clinicId }, { $push: { patientTags: tag } as never }); // any field may be an array
    return tag;
  },
  'GET patients': async ({ clinicId, query }) => {
    const search = query.get('search');
    const data = await patients
      .find({ clinicId, ...(search !== null && { fullName: { $regex: search, $options: 'i' } }) })
      .sort({ fullName: 1 })
      .skip(Number(query.get('offset') ?? 0))
      .limit(Number(query.get('limit') ?? 10))
      .toArray();
    return { data };
  },
  'POST patients': async ({ clinicId, id = randomBytes(5).toString('hex'), body }) => {
    await patients.insertOne({ clinicId, userId: id, ...body, createdTime: new Date() });
    return { id, ...body };
  },
  'PUT patients': ({ clinicId, id, body }) =>
    patients.findOneAndUpdate({ clinicId, userId: id }, { $set: body }, { returnDocument: 'after' }),
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://bare');
  const [, , , clinic, part, id] = pathname.split('/');
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set
  const body = chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as Body) : {};
  const act = ROUTES[[request.method, part].filter(Boolean).join(' ')];
  const clinicId = clinic === undefined ? new ObjectId() : new ObjectId(clinic);
  const result = await act?.({ clinicId, part, id, query, body });
  response.writeHead(act ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(result ?? {}));
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
});
server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address();
  console.log(`bare reference on http://127.0.0.1:${typeof address === 'object' ? address?.port : PORT}`);
});
process.on('SIGTERM', () => process.exit(0));
