import { createAccountClient, createClinicClient } from './clients.ts';

const clinicId = '6b057cd309991920b5d73799';

/** Answers every request with the same JSON and keeps the last request. */
function recorder(answer: unknown, status = 200) {
  const sent: Request[] = [];
  const fetch = async (request: Request) => {
    sent.push(request);
    return new Response(JSON.stringify(answer), { status, headers: { 'content-type': 'application/json' } });
  };
  return { sent, fetch };
}

describe('the clients', () => {
  it('send a session token and lists with commas', async () => {
    const { sent, fetch } = recorder({ data: [], meta: { count: 0, totalCount: 0 } });
    const client = createClinicClient({ baseUrl: 'http://clinic.example', token: 'a-token', fetch });
    const { data } = await client.GET('/v1/clinics/{clinicId}/patients', {
      params: {
        path: { clinicId },
        query: { limit: 5, tags: [clinicId, clinicId], 'cgm.timeInTargetPercent': '>0.5' },
      },
    });
    expect(data?.meta?.count).toBe(0);
    expect(sent[0]?.headers.get('x-tidepool-session-token')).toBe('a-token');
    const { pathname, searchParams } = new URL(sent[0]?.url ?? '');
    expect(pathname).toBe(`/v1/clinics/${clinicId}/patients`);
    expect(Object.fromEntries(searchParams)).toEqual({
      limit: '5',
      tags: `${clinicId},${clinicId}`,
      'cgm.timeInTargetPercent': '>0.5',
    });
  });

  it('send an API key as the user name', async () => {
    const { sent, fetch } = recorder({});
    const client = createClinicClient({ baseUrl: 'http://clinic.example', apiKey: 'secret-au1', fetch });
    await client.POST('/v1/clinics', { body: { name: 'Harbour Clinic', preferredBgUnits: 'mmol/L' } });
    expect(sent[0]?.headers.get('authorization')).toBe(`Basic ${Buffer.from('secret-au1:').toString('base64')}`);
    expect(await sent[0]?.json()).toEqual({ name: 'Harbour Clinic', preferredBgUnits: 'mmol/L' });
  });

  it('give a refusal as an error with its message', async () => {
    const { fetch } = recorder({ message: 'session token is invalid' }, 401);
    const client = createAccountClient({ baseUrl: 'http://clinic.example', fetch });
    const { error } = await client.POST('/caregate/v1/sessions', { body: { email: 'a@b.example', password: 'x' } });
    expect(error?.message).toBe('session token is invalid');
  });
});
