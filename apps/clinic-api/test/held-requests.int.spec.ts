import { request } from 'node:http';
import { eventually } from '@caregate/eventually';
import { answered, type Harness, newClinic, startHarness, statusOf } from './harness.ts';
import { newPatient } from './patients.ts';

// A right is checked again when the body comes late: a request that was begun before the right was taken away is refused.

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

/** Begins a request and leaves its body for later. */
function begun(url: string, token: string, body: string) {
  const headers = {
    'x-tidepool-session-token': token,
    'content-type': 'application/json',
    'content-length': body.length,
  };
  const sent = request(url, { method: 'PUT', headers });
  const status = new Promise<number | undefined>((resolve, reject) => {
    sent.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
  });
  sent.flushHeaders();
  return { finish: () => (sent.end(body), status) };
}

test('a clinician who was removed meanwhile changes no patient', async () => {
  const admin = harness.newUser();
  const { id: clinicId } = await newClinic(admin.api);
  const { id: patientId } = await newPatient(admin.api, clinicId, { fullName: 'As It Was' });
  const member = harness.newUser();
  const params = { path: { clinicId } };
  const place = { id: member.userId, email: member.email ?? '', roles: ['CLINIC_MEMBER' as const] };
  answered(await harness.asService().POST('/v1/clinics/{clinicId}/clinicians', { params, body: place }));
  const path = { clinicId, patientId };
  const url = `${harness.url}/v1/clinics/${clinicId}/patients/${patientId}`;
  const held = begun(url, `user:${member.userId}`, JSON.stringify({ fullName: 'Changed', birthDate: '1990-01-01' }));
  const since = performance.now();
  const remove = await admin.api.DELETE('/v1/clinics/{clinicId}/clinicians/{clinicianId}', {
    params: { path: { clinicId, clinicianId: member.userId } },
  });
  expect(statusOf(remove)).toBeLessThan(300);
  await eventually(() => performance.now() - since > 1_200, 'the request was admitted long ago');
  expect(await held.finish()).toBe(403);
  const patient = answered(await admin.api.GET('/v1/clinics/{clinicId}/patients/{patientId}', { params: { path } }));
  expect(patient.fullName).toBe('As It Was');
});
