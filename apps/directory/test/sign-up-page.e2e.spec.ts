import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { newSignUp, startWorld, type World } from './world.ts';

// A real browser: Debian's, or the one that is named.
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const SCREENSHOTS = fileURLToPath(new URL('../test-results/', import.meta.url));

if (!existsSync(CHROMIUM)) {
  test.skip(`(there is no Chromium at ${CHROMIUM}: apt-get install chromium, or name one in CHROMIUM)`, () =>
    undefined);
} else {
  let world: World;
  let browser: Browser;

  beforeAll(async () => {
    await mkdir(SCREENSHOTS, { recursive: true });
    world = await startWorld({ DOMAIN: 'localhost' });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser.close();
    await world.stop();
  });

  const visit = async (options: BrowserContextOptions, work: (page: Page) => Promise<void>) => {
    const context = await browser.newContext(options);
    try {
      const page = await context.newPage();
      await page.goto(`${world.directory.url}/sign-up`);
      await work(page);
    } finally {
      await context.close();
    }
  };
  const shot = (page: Page, name: string) => page.screenshot({ path: `${SCREENSHOTS}${name}.png`, fullPage: true });
  const address = (page: Page) => page.locator('#account-url').textContent();

  test('a person with a keyboard and nothing else signs up', () =>
    visit({}, async (page) => {
      const { name, subdomain, owner } = newSignUp();
      const type = async (text: string) => {
        await page.keyboard.press('Tab');
        await page.keyboard.type(text);
      };
      await page.keyboard.press('Tab'); // past the name of the service
      await type(name);
      await page.keyboard.press('Tab');
      await page.keyboard.press('Space');
      await type(subdomain);
      await type(owner.fullName);
      await type(owner.email);
      await type(owner.password);
      await page.keyboard.press('Tab');
      await shot(page, 'sign-up-filled');
      await page.keyboard.press('Enter');
      await page.waitForSelector('#account-url');
      expect(await address(page)).toBe(`http://${subdomain}.au1.localhost:${world.au1.port}`);
      await shot(page, 'sign-up-done');
    }));

  test('whether a subdomain is available is said as one types', () =>
    visit({}, async (page) => {
      const said = page.locator('#availability');
      const { subdomain } = newSignUp();
      await page.getByLabel('Subdomain').pressSequentially(subdomain.toUpperCase());
      await said.filter({ hasText: `${subdomain} is available.` }).waitFor();
      await page.getByLabel('Subdomain').fill('www');
      await said.filter({ hasText: 'www is not available: this subdomain is reserved' }).waitFor();
      await page.getByLabel('Subdomain').fill('good times');
      await said.filter({ hasText: 'letters from a to z' }).waitFor();
      await shot(page, 'sign-up-availability');
    }));

  test('a person without JavaScript signs up, and is told what is wrong first', () =>
    visit({ javaScriptEnabled: false }, async (page) => {
      const { name, subdomain, owner } = newSignUp();
      await page.getByLabel('Name of your practice').fill(name);
      await page.getByLabel('United Kingdom').check();
      await page.getByLabel('Subdomain').fill('www');
      await page.getByLabel('Your name').fill(owner.fullName);
      await page.getByLabel('Your email').fill(owner.email);
      await page.getByLabel('Password').fill(owner.password);
      await page.getByRole('button').click();
      expect(await page.locator('#subdomain-fault').textContent()).toMatch(/reserved/);
      expect(await page.getByLabel('Name of your practice').inputValue()).toBe(name);
      expect(await page.getByLabel('United Kingdom').isChecked()).toBe(true);
      await shot(page, 'sign-up-fault');
      await page.getByLabel('Subdomain').fill(subdomain);
      await page.getByLabel('Password').fill(owner.password);
      await page.getByRole('button').click();
      expect(await address(page)).toBe(`http://${subdomain}.uk1.localhost:8443`);
      expect(await page.locator('main').textContent()).toContain('stored in London');
    }));

  test('on a phone everything is within reach', () =>
    visit({ viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true }, async (page) => {
      await shot(page, 'sign-up-phone');
      const { width, targets } = await page.evaluate(() => ({
        width: document.documentElement.scrollWidth,
        targets: [...document.querySelectorAll('.field input, button')].map(
          (element) => element.getBoundingClientRect().height,
        ),
      }));
      expect(width).toBeLessThanOrEqual(320);
      expect(Math.min(...targets)).toBeGreaterThanOrEqual(44); // WCAG 2.2, 2.5.5
    }));

  test.each(['light', 'dark'] as const)('every text can be read in %s', (colorScheme) =>
    visit({ colorScheme }, async (page) => {
      await shot(page, `sign-up-${colorScheme}`);
      const faint = await page.evaluate(textsOfLowContrast);
      expect(faint).toEqual([]);
    }),
  );
}

/** Runs in the page: texts whose contrast is below 4.5 (WCAG 2.2, 1.4.3). */
function textsOfLowContrast(): string[] {
  const rgb = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: readonly number[]) => {
    const [r = 0, g = 0, b = 0] = color.map((value) =>
      value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backgroundOf = (element: Element | null): number[] => {
    const color = rgb(element ? getComputedStyle(element).backgroundColor : 'rgb(255, 255, 255)');
    return color[3] === 0 ? backgroundOf(element?.parentElement ?? null) : color.slice(0, 3);
  };
  return [...document.querySelectorAll('h1, label, legend, p, button, a, dt, dd')].flatMap((element) => {
    if (!element.textContent?.trim()) return [];
    const style = getComputedStyle(element);
    const back = backgroundOf(element);
    const ink = rgb(style.color)
      .slice(0, 3)
      .map((value, index) => value * Number(style.opacity) + (back[index] ?? 0) * (1 - Number(style.opacity)));
    const [light, dark] = [luminance(ink), luminance(back)].sort((a, b) => b - a);
    const contrast = ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
    return contrast < 4.5 ? [`${element.textContent.trim()}: ${contrast.toFixed(1)}`] : [];
  });
}
