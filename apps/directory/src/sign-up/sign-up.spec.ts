import { fieldsOf, readForm } from './sign-up.form.ts';
import { signUpPage } from './sign-up.page.ts';

const filled = {
  name: ' Good Times ',
  subdomain: ' Good-Times ',
  region: 'au',
  fullName: 'Dana Harbour',
  email: 'dana@harbour.example',
  password: ' correct horse ',
};

test('a filled form is a sign-up', () => {
  expect(readForm(filled)).toEqual({
    wanted: {
      name: 'Good Times',
      subdomain: 'good-times',
      region: 'au',
      owner: { fullName: 'Dana Harbour', email: 'dana@harbour.example', password: ' correct horse ' },
    },
  });
});

test('an empty form says of each field what is missing', () => {
  expect(readForm({})).toEqual({
    faults: {
      name: 'tell us the name of your practice',
      subdomain: 'choose a subdomain',
      region: 'choose where your data will live',
      fullName: 'tell us your name',
      email: 'give an email address such as dana@harbour.example',
      password: 'choose a password',
    },
  });
});

test('what a person may have got wrong is said in words', () => {
  expect(readForm({ ...filled, subdomain: 'www', email: 'dana', password: 'short' })).toEqual({
    faults: {
      subdomain: 'this subdomain is reserved; choose another',
      email: 'give an email address such as dana@harbour.example',
      password: 'use at least 8 characters',
    },
  });
});

test('of the body of a form only its own fields are taken, once each', () => {
  expect(fieldsOf('name=A+B&name=C&__proto__=x&admin=1&region=au')).toEqual({ name: 'A B', region: 'au' });
});

test('nothing that was typed can become a part of the page, and the password is not shown again', () => {
  const nasty = `"><script>alert(1)</script>{{regions}}'`;
  const html = signUpPage(
    [{ id: 'au', name: nasty, description: nasty }],
    { ...filled, name: nasty, subdomain: nasty, key: nasty },
    { name: nasty },
    nasty,
  );
  expect(html).not.toContain('<script>alert');
  expect(html).not.toContain(filled.password);
  expect(html).toContain('&lt;script&gt;alert(1)');
});
