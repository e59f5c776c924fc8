import { withSection } from './pages.ts';

const page = 'Before\n<!-- prove:begin -->\nold\n<!-- prove:end -->\nAfter\n';

test('a section of a page is replaced and nothing else', () => {
  expect(withSection(page, 'prove', 'new', 'README.md')).toBe(
    'Before\n<!-- prove:begin -->\n\nnew\n\n<!-- prove:end -->\nAfter\n',
  );
});

test('a page without the section is told by its name', () => {
  expect(() => withSection('nothing', 'prove', 'new', 'README.md')).toThrow(/README\.md has no section between/);
});
