import { type ReactNode, useEffect, useRef } from 'react';
import { Link } from 'react-aria-components';
import { useTitle } from '../app/hooks.ts';
import { useUser } from '../app/session.tsx';
import { PageFrame } from '../pages/page-frame.tsx';
import styles from './admin-frame.module.css';
import { SECTIONS, type Section } from './section-names.ts';
import { maySee, SECTION_TITLES, sectionPath } from './sections.ts';

interface AdminFrameProps {
  section: Section;
  /** Where the page is about one thing of the section. */
  title?: string;
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of the admin pages: one's own, with links to each other. */
export function AdminFrame({ section, title = SECTION_TITLES[section], actions, children }: AdminFrameProps) {
  useTitle(title);
  return (
    <PageFrame title={title} actions={actions} navigation={<SectionLinks current={section} />}>
      {children}
    </PageFrame>
  );
}

function SectionLinks({ current }: { current: Section }) {
  const user = useUser();
  const links = useRef<HTMLElement>(null);
  // On a phone not all of them fit.
  useEffect(() => {
    links.current?.querySelector('[aria-current]')?.scrollIntoView({ inline: 'center', block: 'nearest' });
  }, []);
  return (
    <nav ref={links} aria-label="Administration" className={styles.sections}>
      {SECTIONS.filter((section) => maySee(user, section)).map((section) => (
        <Link
          key={section}
          href={sectionPath(section)}
          className={styles.section ?? ''}
          {...(section === current ? { 'aria-current': 'page' } : {})}
        >
          {SECTION_TITLES[section]}
        </Link>
      ))}
    </nav>
  );
}
