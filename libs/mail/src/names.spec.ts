import { plainName } from './names.ts';

test.each([
  '555-0100-123',
  '５５５−０１００−１２３',
  '555·0100·123',
  '555•0100•123',
  '555~0100~123',
  '555*0100*123',
  '555_0100_123',
  '555|0100|123',
  '+1 (555) 010-0199',
])('the telephone number %j is not shown', (number) => {
  expect(plainName(`Call ${number} now`)).toBe('Call … now');
});

test.each(['Wards 1, 2, 3, 4, 5, 6, 7', 'Clinic 12·3', 'Level 4+5'])('%j is no telephone number', (name) => {
  expect(plainName(name)).toBe(name);
});
