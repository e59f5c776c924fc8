export { story, type Step, type World } from './story.ts';
export { tell, type Told } from './tell.ts';
export { type Answer, basic, call, type Call, session } from './http.ts';
export { confirmByMail, confirmed } from './confirm.ts';
export { eventually } from './eventually.ts';
export { mailsTo, mailTo } from './mailbox.ts';
