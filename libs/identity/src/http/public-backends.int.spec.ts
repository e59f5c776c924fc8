import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Conflict, NotFound, Unprocessable } from '@caregate/service';
import { isUserId, type UserId } from '../user-id.ts';
import { HttpIdentity } from './http-identity.ts';

// A stub of the public system's services, kept outside of this project.
const STUB = process.env['IDENTITY_STUB'] ?? '/work/shared/compat/stub-backends.mjs';

if (!existsSync(STUB)) test.skip(`(the stub of the public services is not at ${STUB})`, () => undefined);
else {
  let stub: ChildProcess;
  let identity: HttpIdentity;

  beforeAll(async () => {
    const port = await freePort();
    stub = spawn(process.execPath, [STUB, '--port', String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    if (stub.stdout) await once(stub.stdout, 'data');
    identity = new HttpIdentity({
      url: `http://127.0.0.1:${port}`,
      serverName: 'caregate-au1',
      serverSecret: '',
      realm: 'caregate',
    });
  });
  afterAll(async () => {
    stub.kill();
    await once(stub, 'exit');
  });

  test('tokens of users and of services are told apart', async () => {
    expect(await identity.authenticate(`user:${clinician}`)).toEqual({ kind: 'user', userId: clinician });
    expect(await identity.authenticate('server:worker')).toEqual({ kind: 'service', name: 'worker' });
    expect(await identity.authenticate('server')).toEqual({ kind: 'service', name: 'server' });
    expect(await identity.authenticate('nonsense')).toBeUndefined();
  });

  test('users and profiles are found, or not', async () => {
    expect(await identity.findUser(clinician)).toEqual({
      userId: clinician,
      email: `${clinician}@example.test`,
      roles: ['clinician'],
      emailVerified: true,
      hasPassword: true,
    });
    expect(await identity.findUser(`${clinician}@example.test`)).toMatchObject({ userId: clinician });
    expect(await identity.findUser(absent)).toBeUndefined();
    expect(await identity.profile(patient)).toMatchObject({
      fullName: 'Patient 01',
      patient: { birthday: '1990-02-03', mrn: 'MRN01' },
    });
    expect(await identity.profile(asUserId('f000000001'))).toBeUndefined();
  });

  test('custodial users are created and changed, each email once', async () => {
    const created = await identity.createCustodialUser('65f0c0ffee65f0c0ffee0001', { email: 'new@example.test' });
    expect(created).toMatchObject({ email: 'new@example.test', roles: ['patient'] });
    await expect(
      identity.createCustodialUser('65f0c0ffee65f0c0ffee0001', { email: 'NEW@example.test' }),
    ).rejects.toThrow(Conflict);
    expect((await identity.createCustodialUser('65f0c0ffee65f0c0ffee0001', {})).email).toBeUndefined();
    expect(await identity.updateUser(created.userId, { email: 'newer@example.test' })).toMatchObject({
      email: 'newer@example.test',
    });
    await expect(identity.updateUser(created.userId, { email: `${clinician}@example.test` })).rejects.toThrow(Conflict);
    await identity.removeEmail(created.userId);
    expect((await identity.findUser(created.userId))?.email).toBeUndefined();
    expect(await identity.findUser('newer@example.test')).toBeUndefined();
    await expect(identity.updateUser(absent, { roles: [] })).rejects.toThrow(NotFound);
    await expect(identity.removeEmail(absent)).rejects.toThrow(NotFound);
  });

  test('sessions, sharing, service accounts and restricted tokens answer as they should', async () => {
    await identity.deleteSessions(clinician);
    expect(await identity.sharesWith(clinician)).toEqual(new Map());
    await identity.setSharing(patient, clinician, { view: {} });
    expect(await identity.serviceAccountUser(clinician, 'good')).toBe(clinician);
    await expect(identity.serviceAccountUser('client', 'bad')).rejects.toThrow(Unprocessable);
    const token = await identity.createRestrictedToken(patient, ['/v1/oauth']);
    expect(await identity.restrictedToken(token.id)).toEqual(token);
    expect(await identity.restrictedToken('unknown')).toBeUndefined();
  });
}

const clinician = asUserId('a000000001');
const patient = asUserId('b000000001');
const absent = asUserId('e000000001');

function asUserId(text: string): UserId {
  if (!isUserId(text)) throw new Error(`${text} is not a user id`);
  return text;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A listening TCP server has an address with a port.
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
