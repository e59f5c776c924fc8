import { type ChangedPatient, type ChangeEvent, Reaction, touched } from '@caregate/change-events';
import { greetedAs, type ConnectionRequest, type DataSource, type PatientDocument } from '@caregate/clinic-model';
import { Mail, type Provider, PROVIDERS, providerTemplate } from '@caregate/mail';
import { Controller } from '@nestjs/common';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { Records } from '../records.service.ts';
import { recipientOf } from '../addressees.service.ts';
import { BY_MAIL } from './by-mail.ts';
import { addressMark } from './once-each.ts';
import { isCustodial } from './patient-conditions.ts';

type PatientEvent = ChangeEvent<ChangedPatient>;

/** How long a patient has to follow a request (the public service's figure); older ones are not mailed again. */
const EXPIRES_MS = 30 * 86_400_000;
/** Of the data source of who was connected before; asking to connect sets the first one. */
const WAS_CONNECTED = new Set(['pendingReconnect', 'error', 'disconnected']);

/** A patient was asked to connect a provider's account, or can now be reached elsewhere: they are told. */
@Controller()
export class ConnectionRequested {
  constructor(
    private readonly records: Records,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @WithoutDoor()
  @Reaction<PatientEvent>({
    name: 'request_provider_connect',
    stream: 'patients',
    when: (event) =>
      event.operationType === 'insert'
        ? touched(event, 'connectionRequests') && touched(event, 'email')
        : touched(event, 'connectionRequests') || touched(event, 'email'),
    ...BY_MAIL,
  })
  async ask(event: PatientEvent): Promise<string> {
    const patient = await this.records.patient(event);
    if (!patient?.email) return 'the patient has no email';
    const { _id, userId, email } = patient;
    const clinic = await this.records.clinicOf(patient.clinicId);
    if (!clinic) return 'the clinic is gone';
    const results: string[] = [];
    for (const [provider, request] of openRequests(patient, event.clusterTime?.time ?? new Date())) {
      const template = providerTemplate(provider, kindOf(provider, patient));
      if (!template) continue;
      const result = await this.mail.deliver({
        deliveryId: `${template.name}:${_id.toHexString()}:${request.createdTime.toISOString()}:${addressMark(email)}`,
        template,
        to: recipientOf(patient, email),
        data: {
          clinicName: clinic.name,
          ...greetedAs(patient),
          provider: PROVIDERS[provider],
          link: isCustodial(patient) ? this.links.claim(userId) : this.links.connect(provider),
        },
        userId,
        clinicId: clinic._id.toHexString(),
      });
      results.push(result);
    }
    return results.join(', ') || 'no open request';
  }
}

/** The newest request for each provider, as long as it can be followed. */
export function openRequests(
  { connectionRequests = {} }: Pick<PatientDocument, 'connectionRequests'>,
  now: Date,
): [Provider, ConnectionRequest][] {
  return Object.entries(connectionRequests).flatMap(([provider, requests]): [Provider, ConnectionRequest][] => {
    const [newest] = requests.toSorted((a, b) => b.createdTime.getTime() - a.createdTime.getTime());
    const isOpen = newest !== undefined && newest.createdTime.getTime() > now.getTime() - EXPIRES_MS;
    return isOpen && isProvider(provider) ? [[provider, newest]] : [];
  });
}

/** Who was connected once connects again; whose account the clinic looks after must claim it first. */
export function kindOf(
  provider: Provider,
  patient: Pick<PatientDocument, 'permissions' | 'dataSources'>,
): 'connect' | 'connect_custodial' | 'reconnect' {
  const { dataSources = [] }: { dataSources?: readonly DataSource[] } = patient;
  if (dataSources.some(({ providerName, state }) => providerName === provider && WAS_CONNECTED.has(state)))
    return 'reconnect';
  return isCustodial(patient) ? 'connect_custodial' : 'connect';
}

const isProvider = (name: string): name is Provider => Object.hasOwn(PROVIDERS, name);
