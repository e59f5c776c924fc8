export { MAIL_DELIVERIES, type MailDelivery, prepareMail } from './deliveries.ts';
export * from './mail.module.ts';
export * from './mail.ts';
export * from './preview.ts';
export type { Recipient } from './smtp.ts';
export type { RenderedMail, Template } from './template.ts';
export * from './templates/index.ts';
